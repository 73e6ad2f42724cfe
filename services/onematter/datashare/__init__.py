"""Generated code of the contract that a data-exchange platform implements (数据共享交换平台): `datashare.v1`."""
