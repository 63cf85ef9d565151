"""Style: how the page looks, on a phone, on paper, by day and by night.

Blue and vermilion are of Okabe & Ito's palette and told apart without colour too: what is marked carries a sign.
"""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --faint: #5f5f5f; --line: #d5d5d5; --paper: #fff; --shade: #f4f4f4;
  --bar: #0072b2; --plain: #8f8f8f; --mark: #b34700 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --faint: #a9a9a9; --line: #444; --paper: #161616; --shade: #232323;
    --bar: #56b4e9; --plain: #7d7d7d; --mark: #ff9a4d } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.6rem; line-height: 1.2 }
h2 { margin-top: 3rem; border-bottom: 2px solid var(--ink) }
h2 small { display: block; font-weight: normal; font-size: .95rem }
h3 { margin: 2rem 0 .2rem; font-size: 1.05rem }
h4 { margin: .6rem 0 0; font-size: .9rem }
code, pre, .rows, table { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .82rem }
pre { margin: .3rem 0; padding: .5rem .7rem; background: var(--shade); overflow-x: auto; tab-size: 4 }
a { color: inherit }
p.code { margin: 0 0 .4rem; overflow-wrap: anywhere }
.where, .faint, dt small { color: var(--faint) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem }
dt { font-weight: bold } dd { margin: 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse } th, td { text-align: left; padding: .15rem .9rem .15rem 0; white-space: nowrap }
.rows { border-top: 1px solid var(--line) }
.row > summary, .row.flat { display: grid; gap: 0 .8rem; padding: .2rem 0; align-items: center; list-style: none;
  grid-template-columns: 1.6rem minmax(9rem, 3fr) minmax(8rem, 3fr) 5rem 5rem minmax(5rem, 3fr) }
.row > summary::-webkit-details-marker { display: none }
.row, .row.flat { border-bottom: 1px solid var(--line) }
details.row > summary { cursor: pointer } details.row > summary:hover { background: var(--shade) }
details.row > summary .name::after { content: " +"; color: var(--faint) }
details.row[open] > summary .name::after { content: " -" }
.row .more { grid-column: 2 / -1; color: var(--faint) }
.row .sign, .said { color: var(--mark); font-weight: bold }
.row .said { grid-column: 2 / -1; font-weight: normal }
.head { font-weight: bold }
.body { padding: 0 0 .5rem 2.4rem }
svg.bar { width: 100%; height: .8rem; display: block; background: var(--shade) }
svg.bar rect { fill: var(--plain) } svg.bar.gradient rect { fill: var(--bar) }
.marked svg.bar rect { fill: var(--mark) }
@media (max-width: 42rem) {
  .row > summary, .row.flat { grid-template-columns: 1.2rem 1fr 4.5rem 4.5rem }
  .row .shape { grid-column: 2 / -1; grid-row: 2; color: var(--faint) }
  .row .bar-cell { grid-column: 2 / -1 }
  .body { padding-left: 0 }
}
@media print {
  :root { --ink: #000; --paper: #fff; --shade: #fff; --line: #999; --faint: #444 }
  main { max-width: none } body { font-size: 11px } .row, pre, table { break-inside: avoid }
  h2, h3 { break-after: avoid } pre { white-space: pre-wrap; border-left: 2px solid var(--line) }
  details.row > summary .name::after { content: none }
  svg.bar { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
"""
