/*
 * How report.html looks. Colours are variables, a pair for each of light and dark, all with a
 * contrast of 4.5 at least for text and 3 for signs; no sign differs from another by colour alone.
 */
#include "control/report_page.h"

/* clang-format off */

/* A table without room: a row is a list of what its columns are called, and what stands there. */
#define AS_LIST(t)                                                                                 \
	t " thead{display:none}" t " table," t " tbody," t " tr," t " td{display:block}"               \
	t " tr{padding:6px 0;border-bottom:1px solid var(--rule)}"                                     \
	t " td{border:0;padding:1px 0;display:grid;grid-template-columns:10em minmax(0,1fr);gap:0 8px}"\
	t " td::before{content:attr(data-head);color:var(--dim)}" t " td.empty{display:none}"          \
	t " td .badge{justify-self:start}"                                                             \
	t " tr td:first-child{box-shadow:none!important;padding-left:0!important}"

const char page_style[] =
":root{--paper:#ffffff;--sheet:#f4f6f8;--ink:#16191d;--dim:#57606a;--rule:#d0d7de;--grid:#e6eaee;"
"--pass:#0a6b46;--fail:#b3202a;--vacuous:#8a5300;--error:#7a3a9a;--skipped:#57606a;--on:#ffffff;"
"--data:#57606a;--silent:#a64800;--probe:#0a62a8;--fin:#0a6b46;--rst:#b3202a;--gone:#7a3a9a;"
"--window:#f3e3b8;--dead:#e8c27a;--range:#9cc4ea;--edge:#0a62a8}\n"
"@media(prefers-color-scheme:dark){:root{--paper:#14181c;--sheet:#1d2329;--ink:#e8ebee;--dim:#a5afb9;"
"--rule:#3a434c;--grid:#29313a;--pass:#5fd6a3;--fail:#ff8b85;--vacuous:#f2b74b;--error:#d5a6f5;"
"--skipped:#a5afb9;--on:#14181c;--data:#b4bec8;--silent:#ffad66;--probe:#7cc0ff;--fin:#5fd6a3;"
"--rst:#ff8b85;--gone:#d5a6f5;--window:#3b3420;--dead:#5c4a1c;--range:#285683;--edge:#7cc0ff}}\n"
"*{box-sizing:border-box}\n"
"body{margin:0 auto;max-width:1240px;padding:20px;background:var(--paper);color:var(--ink);"
"font:15px/1.45 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;overflow-wrap:anywhere}\n"
"h1{font-size:24px;margin:6px 0}h2{font-size:18px;margin:32px 0 8px}h3{font-size:15px;margin:16px 0 4px}\n"
"p{margin:6px 0}.dim{color:var(--dim)}.summary{font-size:17px}\n"
".badge{display:inline-block;margin:0;padding:1px 9px;border-radius:4px;font-weight:700;font-size:12px;"
"letter-spacing:.04em;text-transform:uppercase;color:var(--on);background:var(--skipped);white-space:nowrap}\n"
"header .badge{font-size:15px;padding:3px 14px}\n"
".badge.pass{background:var(--pass)}.badge.fail{background:var(--fail)}"
".badge.vacuous{background:var(--vacuous)}.badge.error{background:var(--error)}\n"
".advice{margin:12px 0;padding:8px 14px;background:var(--sheet);border-left:4px solid var(--edge)}"
".advice ul{margin:4px 0;padding-left:20px}\n"
"table{border-collapse:collapse;width:100%;font-size:13.5px}"
"th{text-align:left;color:var(--dim);font-weight:600;overflow-wrap:normal}"
"th,td{padding:5px 10px 5px 0;vertical-align:top;border-bottom:1px solid var(--rule)}"
"table{overflow-wrap:break-word}.scroll{overflow-x:auto}td.whole{white-space:nowrap}td.long{overflow-wrap:anywhere}"
"td.empty::after{content:'\\2013';color:var(--dim)}\n"
"tr.fail td:first-child,tr.vacuous td:first-child,tr.error td:first-child{box-shadow:inset 3px 0 var(--fail);"
"padding-left:9px}tr.vacuous td:first-child{box-shadow:inset 3px 0 var(--vacuous)}\n"
"dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0}"
"dt{color:var(--dim)}dd{margin:0}\n"
"pre{overflow-x:auto;padding:10px 12px;background:var(--sheet);font:13px/1.4 ui-monospace,'DejaVu Sans Mono',"
"monospace;overflow-wrap:normal}summary{cursor:pointer;margin:8px 0}\n"
".row{display:grid;grid-template-columns:250px minmax(0,1fr);gap:0 12px;align-items:center;"
"border-top:1px solid var(--grid);font-size:13px}.rows.wide .row{grid-template-columns:400px minmax(0,1fr)}\n"
".label{padding:1px 0;line-height:1.25}.axis .label{color:var(--dim)}.row.axis{border:0;align-items:end}\n"
".row svg,svg.sequence{display:block;width:100%;overflow:visible}\n"
"text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:var(--ink)}"
".axis text{fill:var(--dim)}text.at{fill:var(--dim);font-size:11.5px}text.place{font-weight:700;font-size:13px}\n"
"line{stroke:var(--rule);stroke-width:1}line.grid{stroke:var(--grid)}line.tick{stroke:var(--dim)}\n"
"line.leg{stroke:var(--data);stroke-width:1.5}line.server{stroke-dasharray:5 3}"
"line.strike{stroke:var(--ink);stroke-width:1.5}line.arrow{stroke:var(--ink);stroke-width:1.4}"
"line.lost{stroke:var(--silent);stroke-dasharray:4 3}line.life{stroke:var(--rule);stroke-width:1.5}\n"
"rect.window,.swatch.window{fill:var(--window);background:var(--window)}"
"rect.dead,.swatch.dead{fill:var(--dead);background:var(--dead)}"
"rect.bar{stroke:var(--vacuous);stroke-width:1}"
"rect.range,.swatch.range{fill:var(--range);background:var(--range);stroke:var(--edge);stroke-width:1}"
"rect.never{fill:none;stroke-dasharray:4 3}rect.count{fill:var(--probe)}"
"rect.band,rect.note{fill:var(--sheet);stroke:var(--dim);stroke-width:1}\n"
".legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:6px 0 10px;padding:0;list-style:none;font-size:13px}"
".legend li{display:flex;align-items:center;gap:6px}.sign{overflow:visible}"
".swatch{width:22px;height:13px;border:1px solid var(--dim)}.swatch.open{border:1px dashed var(--edge)}\n"
".m-data{color:var(--data)}.m-retransmission,.m-lost{color:var(--silent)}.m-probe{color:var(--probe)}"
".m-fin,.m-accepted{color:var(--fin)}.m-rst,.m-refused{color:var(--rst)}.m-gone{color:var(--gone)}"
".m-syn,.m-right,.m-left,.m-measured,.m-never{color:var(--ink)}.m-unanswered{color:var(--silent)}"
".m-unknown{color:var(--dim)}\n"
".dot{overflow:visible}.dot use{transform:scale(.8)}.d1 use{transform:scale(1.1)}.d2 use{transform:scale(1.4)}"
".d3 use{transform:scale(1.8)}\n"
"@media(max-width:900px){.row,.rows.wide .row{grid-template-columns:minmax(0,1fr)}.row{padding:3px 0}"
"text.odd{display:none}.row.axis .label{margin-bottom:2px}}\n"
"@media(max-width:1080px){" AS_LIST(".many") "}\n"
"@media(max-width:760px){body{padding:12px}" AS_LIST(".scroll")
"dl{grid-template-columns:1fr}dd{margin-bottom:6px}text.beat{font-size:10.5px}text.at{font-size:10px}}\n"
"@media print{body{max-width:none}section{break-inside:avoid-page}}\n";

/* Each is about 12 by 12 around its own (0, 0). */
const char page_marks[] =
"<svg width=\"0\" height=\"0\" aria-hidden=\"true\" style=\"position:absolute\"><defs>\n"
"<path id=\"m-data\" d=\"M0-4V4\" stroke=\"currentColor\" stroke-width=\"2\" fill=\"none\"/>\n"
"<path id=\"m-retransmission\" d=\"M0-5.5L5.5 4.5H-5.5Z\" fill=\"currentColor\"/>\n"
"<circle id=\"m-probe\" r=\"4.2\" fill=\"var(--paper)\" stroke=\"currentColor\" stroke-width=\"2\"/>\n"
"<path id=\"m-fin\" d=\"M-4.5-4.5H4.5V4.5H-4.5Z\" fill=\"currentColor\"/>\n"
"<path id=\"m-rst\" d=\"M-4.5-4.5L4.5 4.5M4.5-4.5L-4.5 4.5\" stroke=\"currentColor\" stroke-width=\"3\" fill=\"none\"/>\n"
"<path id=\"m-gone\" d=\"M0-5.5L5.5 0L0 5.5L-5.5 0Z\" fill=\"var(--paper)\" stroke=\"currentColor\" stroke-width=\"2\"/>\n"
"<path id=\"m-syn\" d=\"M-3.5-5L5 0L-3.5 5Z\" fill=\"var(--paper)\" stroke=\"currentColor\" stroke-width=\"1.6\"/>\n"
"<circle id=\"m-accepted\" r=\"5\" fill=\"currentColor\"/>\n"
"<path id=\"m-refused\" d=\"M-4.5-4.5L4.5 4.5M4.5-4.5L-4.5 4.5\" stroke=\"currentColor\" stroke-width=\"2.6\" fill=\"none\"/>\n"
"<circle id=\"m-unanswered\" r=\"4.5\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\"/>\n"
"<path id=\"m-unknown\" d=\"M-4.5-4.5H4.5V4.5H-4.5Z\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.6\"/>\n"
"<path id=\"m-measured\" d=\"M0-7L5 0L0 7L-5 0Z\" fill=\"currentColor\" stroke=\"var(--paper)\" stroke-width=\"1\"/>\n"
"<path id=\"m-never\" d=\"M-9 0H4M-1-5L5 0L-1 5\" stroke=\"currentColor\" stroke-width=\"2.2\" fill=\"none\"/>\n"
"<path id=\"m-lost\" d=\"M-4-4L4 4M4-4L-4 4\" stroke=\"currentColor\" stroke-width=\"2.2\" fill=\"none\"/>\n"
"<path id=\"m-right\" d=\"M0 0L-8-4.5V4.5Z\" fill=\"currentColor\"/>\n"
"<path id=\"m-left\" d=\"M0 0L8-4.5V4.5Z\" fill=\"currentColor\"/>\n"
"</defs></svg>\n";
/* clang-format on */
