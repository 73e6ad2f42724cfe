"""A page of text as a PDF (ISO 32000-1), with nothing but what that takes.

The font is one of the Chinese fonts that a reader brings along (STSong-Light, UniGB-UCS2-H); it is not embedded.
"""

from __future__ import annotations

from collections.abc import Sequence

_FONT = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
    b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light"
    b" /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /FontDescriptor 7 0 R >>",
    b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0"
    b" /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
)


def one_page(lines: Sequence[str]) -> bytes:
    """Return a PDF of one A4 page with these lines; the same lines give the same bytes."""
    text = b"BT /F1 16 Tf 28 TL 72 760 Td\n"
    for line in lines:
        text += b"<" + line.encode("utf-16-be").hex().encode() + b"> Tj T*\n"
    text += b"ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        *_FONT,
    ]
    document = b"%PDF-1.5\n"
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % place for place in places)
    return document + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
