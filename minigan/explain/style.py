"""Style: what the page of a step needs besides the style of all pages (`minigan.html`)."""

from __future__ import annotations

STYLE = """
:root { --plain: #8f8f8f }
h2 small { display: block; font-weight: normal; font-size: .95rem }
h3 { margin: 2rem 0 .2rem; font-size: 1.05rem }
h4 { margin: .6rem 0 0; font-size: .9rem }
pre { tab-size: 4 }
p.code { margin: 0 0 .4rem; max-width: none }
.where { color: var(--soft) }
.rows, table { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .82rem }
td, th { white-space: nowrap }
.rows { border-top: 1px solid var(--faint) }
.row > summary, .row.flat { display: grid; gap: 0 .8rem; padding: .2rem 0; align-items: center; list-style: none;
  grid-template-columns: 1.6rem minmax(9rem, 3fr) minmax(8rem, 3fr) 5rem 5rem minmax(5rem, 3fr) }
.row > summary::-webkit-details-marker { display: none }
.row { border-bottom: 1px solid var(--faint) }
.row > summary { color: inherit }
.row > summary:hover { background: var(--sheet) }
.row > summary .name::after { content: " +"; color: var(--soft) }
.row[open] > summary .name::after { content: " -" }
.row .more { grid-column: 2 / -1; color: var(--soft) }
.row .sign, .meaning { color: var(--mark); font-weight: bold }
.row .meaning { grid-column: 2 / -1; font-weight: normal }
.head { font-weight: bold }
.body { padding: 0 0 .5rem 2.4rem }
svg.bar { width: 100%; height: .8rem; display: block; background: var(--sheet) }
svg.bar rect { fill: var(--plain) } svg.bar.gradient rect { fill: var(--d) }
.marked svg.bar rect { fill: var(--mark) }
@media (max-width: 42rem) {
  .row > summary, .row.flat { grid-template-columns: 1.2rem 1fr 4.5rem 4.5rem }
  .row .shape { grid-column: 2 / -1; grid-row: 2; color: var(--soft) }
  .row .bar-cell { grid-column: 2 / -1 }
  .body { padding-left: 0 }
}
@media print {
  .row { break-inside: avoid }
  pre { border-left: 2px solid var(--faint) }
  .row > summary .name::after { content: none }
  svg.bar { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
"""
