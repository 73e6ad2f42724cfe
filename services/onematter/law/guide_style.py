"""The style of a guide's page.

Rule 1: colours are named by what they are for, once for light and once for dark; text keeps a contrast of at least
4.5 to 1 on its ground.
Rule 2: paper gets black on white, and no box split over two pages.
"""

STYLE = """
:root {
  --ground: #faf8f4; --sheet: #ffffff; --tint: #f6ece9; --line: #ddd6ca;
  --ink: #1d1b18; --quiet: #5d574e; --mark: #9c1c1c;
  --serif: "Source Han Serif SC", "Noto Serif CJK SC", "Noto Serif SC", "Songti SC", STSong, SimSun, Georgia, serif;
  --sans: system-ui, -apple-system, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Source Han Sans SC",
    "Noto Sans CJK SC", "Helvetica Neue", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #171513; --sheet: #201d1a; --tint: #2d221f; --line: #423c35;
    --ink: #ece7df; --quiet: #b3aa9d; --mark: #f2988c;
  }
}
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--ink); font: 100%/1.65 var(--sans); -webkit-text-size-adjust: 100%; }
html:lang(zh) { line-height: 1.75; }
body { max-width: 62rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3.5rem);
  font-variant-numeric: lining-nums tabular-nums; }
h1, h2, h3, h4, p, dl, dd, ol, ul { margin: 0; }
ol, ul { padding: 0; list-style: none; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--sheet); color: var(--mark); }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 3px; }
header { border-top: 5px solid var(--mark); padding-top: 1.25rem; }
.kind { color: var(--mark); font-weight: 600; letter-spacing: .12em; }
h1 { font: 700 clamp(2rem, 6vw, 3.25rem)/1.2 var(--serif); text-wrap: balance; margin: .35rem 0 .6rem; }
.record { color: var(--quiet); }
.warning { margin-top: 1rem; padding: .7rem 1rem; border-left: 4px solid var(--mark); background: var(--tint); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); margin: 1.75rem 0 0;
  border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
.figures > div { padding: .9rem 1.25rem .9rem 0; }
dt { color: var(--quiet); font-size: .875rem; }
.figure { display: block; font: 600 1.45rem/1.35 var(--serif); }
.remark { color: var(--quiet); font-size: .875rem; }
section { margin-top: 2.75rem; }
h2 { font: 700 1.5rem/1.3 var(--serif); padding-bottom: .4rem; margin-bottom: .9rem;
  border-bottom: 1px solid var(--line); }
h3 { font: 600 1rem/1.4 var(--sans); color: var(--mark); margin-bottom: .6rem; }
h4 { font: 600 1.0625rem/1.45 var(--sans); }
.questions li { padding: .3rem 0; }
.choices { color: var(--quiet); }
.choices::before { content: "— "; }
.answers > div { display: grid; grid-template-columns: minmax(8rem, 15rem) 1fr; gap: 0 1.5rem; padding: .45rem 0; }
.answers > div + div { border-top: 1px solid var(--line); }
.answers dt { font-size: 1rem; }
.stages { margin-top: 1.25rem; border-left: 2px solid var(--line); }
.stages > li { position: relative; padding: 0 0 1.6rem 1.5rem; }
.stages > li::before { content: ""; position: absolute; left: -7px; top: .45rem; width: 12px; height: 12px;
  border-radius: 50%; background: var(--mark); }
.steps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: .8rem; }
.steps > li { background: var(--sheet); border: 1px solid var(--line); border-radius: 6px; padding: .85rem 1rem; }
.steps > li.open { border-style: dashed; }
.steps ul { margin-top: .4rem; font-size: .875rem; line-height: 1.6; color: var(--quiet); }
.number { color: var(--mark); margin-right: .15rem; }
.tag { display: inline-block; padding: 0 .5em; border: 1px solid var(--mark); border-radius: 1em; color: var(--mark);
  font-size: .75rem; font-weight: 400; line-height: 1.6; vertical-align: .1em; white-space: nowrap; }
.office { color: var(--quiet); font-size: .875rem; }
.time { font-size: .9375rem; margin-top: .2rem; word-break: keep-all; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding-bottom: .5rem; color: var(--quiet); }
th, td { text-align: left; vertical-align: top; padding: .55rem 1.25rem .55rem 0;
  border-bottom: 1px solid var(--line); }
thead th { font-size: .875rem; font-weight: 400; color: var(--quiet); white-space: nowrap; }
tbody th { font-weight: 600; min-width: 9rem; }
th .remark, td .remark { display: block; font-weight: 400; }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--quiet);
  font-size: .875rem; }
@media (max-width: 40rem) {
  .answers > div { display: block; }
  thead { position: absolute; left: -100vw; }
  tr, tbody th, td { display: block; border: 0; padding: 0; }
  tr { padding: .8rem 0; border-bottom: 1px solid var(--line); }
  td::before { content: attr(data-label) " "; color: var(--quiet); font-size: .875rem; }
}
@page { size: A4; margin: 16mm; }
@media print {
  :root { --ground: #fff; --sheet: #fff; --ink: #000; --quiet: #333; --line: #999; --mark: #000; --tint: #fff; }
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  .skip { display: none; }
  .stages { margin-left: 8px; }
  .steps { grid-template-columns: repeat(3, 1fr); }
  section { margin-top: 1.6rem; }
  h2, h3, h4 { break-after: avoid; }
  .steps > li, tr, .answers > div { break-inside: avoid; }
}
"""
