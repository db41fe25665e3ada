/** The page's style: light and dark, on screen and on paper, states by word and sign as well as by colour. */
export const style = `
:root { color-scheme: light dark; --text: #1c2128; --muted: #59636e; --page: #ffffff; --box: #f6f8fa; --line: #d1d9e0;
  --good: #116329; --good-box: #dafbe1; --bad: #a40e26; --bad-box: #ffebe9; --odd: #7d4e00; --odd-box: #fff8c5; --link: #0757ba; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --muted: #9da7b3; --page: #0d1117; --box: #161b22; --line: #3d444d;
  --good: #56d364; --good-box: #12261e; --bad: #ff9492; --bad-box: #2d1215; --odd: #e3b341; --odd-box: #272115; --link: #71b7ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 4rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
a { color: var(--link); } p { margin: .35rem 0; max-width: 62rem; } .muted { color: var(--muted); }
code { font: .86em/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.verdict { border: 1px solid currentColor; border-radius: 8px; padding: .9rem 1.1rem; margin: 1.25rem 0; }
.verdict strong { display: block; font-size: 1.25rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .odd { color: var(--odd); }
.verdict.good { background: var(--good-box); } .verdict.bad { background: var(--bad-box); } .verdict.odd { background: var(--odd-box); }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 1rem 0; }
dl.facts dt { color: var(--muted); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
ul.numbers { list-style: none; display: flex; flex-wrap: wrap; gap: .6rem; padding: 0; margin: 1rem 0; }
ul.numbers li { background: var(--box); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .9rem; min-width: 7.5rem; }
ul.numbers b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--muted); padding-bottom: .4rem; }
th, td { border: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; }
thead th { background: var(--box); position: sticky; top: 0; }
table.matrix th[scope=row] { font-weight: 600; white-space: nowrap; width: 1%; }
table.matrix td { width: 30%; } td.good { background: var(--good-box); } td.bad { background: var(--bad-box); } td.odd { background: var(--odd-box); }
table.matrix summary { font-variant-numeric: tabular-nums; } table.matrix details div { color: var(--text); font-size: .9rem; padding-top: .35rem; }
table.matrix details ul { margin: .3rem 0 .1rem; padding-left: 1.2rem; }
summary { cursor: pointer; } summary:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
article { border: 1px solid var(--line); border-left-width: 5px; border-radius: 6px; padding: .7rem 1rem; margin: .7rem 0; break-inside: avoid; }
article.bad { border-left-color: var(--bad); } article.odd { border-left-color: var(--odd); } article > * { color: var(--text); }
article .tag { font-weight: 700; }
table.catalogue { font-size: .88rem; table-layout: fixed; min-width: 58rem; } table.catalogue td { overflow-wrap: anywhere; }
table.catalogue tr:target { outline: 2px solid var(--link); outline-offset: -2px; }
details.store { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .9rem; margin: .6rem 0; }
details.store > summary { font-weight: 600; } details.store[open] > summary { margin-bottom: .6rem; }
ul.plain { padding-left: 1.2rem; margin: .4rem 0; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } thead th { position: static; } .scroll { overflow: visible; }
  details.store::details-content { content-visibility: visible; block-size: auto; } table.catalogue { min-width: 0; font-size: 7.5pt; }
  tr { break-inside: avoid; } a { color: inherit; text-decoration: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
