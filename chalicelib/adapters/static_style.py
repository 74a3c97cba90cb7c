"""The stylesheet of the static site, one string, so that the site needs nothing but its own files."""

STYLESHEET = """\
:root{color-scheme:light dark;--page:#fbfaf8;--card:#fff;--ink:#1d2330;--soft:#566072;--line:#e3e1dc;--accent:#1f5fbf;--tint:#eaf1fb;
--warn:#7a4a00;--warn-tint:#fff3d6;--radius:14px;--serif:Charter,"Bitstream Charter","Iowan Old Style","Palatino Linotype",Georgia,serif;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){:root{--page:#12151b;--card:#1a1f28;--ink:#e7eaf0;--soft:#a3adbd;--line:#2c3440;--accent:#8ab8ff;
--tint:#1d2a3f;--warn:#ffd98a;--warn-tint:#3a2d10}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}*{transition:none!important}}
body{margin:0;background:var(--page);color:var(--ink);font:1.0625rem/1.7 var(--serif);overflow-wrap:break-word}
a{color:var(--accent);text-underline-offset:.18em}
a:focus-visible,summary:focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:3px}
img{max-width:100%;height:auto;display:block}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;z-index:2;background:var(--card);padding:.5rem 1rem}
.bar{border-bottom:1px solid var(--line);font-family:var(--sans)}
.bar div,.foot div{max-width:72rem;margin:auto;padding:1rem 1.25rem;display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:baseline}
.bar a{color:inherit;text-decoration:none;font-weight:700;letter-spacing:-.01em}
.bar a:hover{color:var(--accent)}
.foot{border-top:1px solid var(--line);margin-top:4rem;font:.875rem/1.6 var(--sans);color:var(--soft)}
h1,h2,h3,h4{font-family:var(--sans);line-height:1.2;letter-spacing:-.015em;text-wrap:balance}
.hero{max-width:72rem;margin:auto;padding:3.5rem 1.25rem 1.5rem}
.hero h1{font-size:clamp(2rem,5vw,3.25rem);margin:0 0 .5rem}
.hero p{margin:0;color:var(--soft);font-family:var(--sans)}
.grid{max-width:72rem;margin:auto;padding:1rem 1.25rem;display:grid;gap:1.5rem;grid-template-columns:repeat(auto-fill,
  minmax(min(19rem,100%),1fr));list-style:none}
.card{position:relative;display:flex;flex-direction:column;background:var(--card);border:1px solid var(--line);
  border-radius:var(--radius);overflow:hidden;transition:box-shadow .2s,transform .2s}
.card:hover,.card:focus-within{box-shadow:0 10px 30px rgb(0 0 0/.12);transform:translateY(-2px)}
.thumb{aspect-ratio:16/9;width:100%;object-fit:cover;background:linear-gradient(135deg,var(--tint),var(--line))}
.card .in{padding:1.1rem 1.25rem 1.25rem;display:flex;flex-direction:column;gap:.5rem;flex:1}
.card h2{font-size:1.2rem;margin:0}
.card h2 a{color:inherit;text-decoration:none}
.card h2 a::after{content:"";position:absolute;inset:0}
.card p:not(.kicker){margin:0;color:var(--soft);font-size:.95rem;line-height:1.55}
.meta{margin-top:auto;font:.8125rem/1.5 var(--sans);color:var(--soft);display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:center}
.kicker{font:600 .75rem/1.4 var(--sans);letter-spacing:.07em;text-transform:uppercase;color:var(--accent);margin:0}
.badge{font:600 .75rem/1 var(--sans);color:var(--warn);background:var(--warn-tint);padding:.35rem .55rem;
  border-radius:99px;white-space:nowrap}
.post{max-width:44rem;margin:auto;padding:3rem 1.25rem 0}
.post>header h1{font-size:clamp(1.9rem,5vw,2.9rem);margin:.4rem 0 .9rem}
.post .lead{font-size:1.2rem;line-height:1.55;color:var(--soft);margin:0 0 1.2rem}
.notice{font:.9375rem/1.55 var(--sans);color:var(--warn);background:var(--warn-tint);border-radius:var(--radius);
  padding:.85rem 1.1rem;margin:1.5rem 0}
figure{margin:2rem 0}
figure img,.body img{border-radius:var(--radius);width:100%}
.toc{font-family:var(--sans);background:var(--card);border:1px solid var(--line);border-radius:var(--radius);
  padding:.9rem 1.25rem;margin:2rem 0}
.toc summary{font-weight:600;cursor:pointer}
.toc ol{margin:.6rem 0 .2rem;padding-inline-start:1.3rem}
.toc a{color:inherit}
.body h2{font-size:1.65rem;margin:2.6rem 0 .8rem;scroll-margin-top:1rem}
.body h3{font-size:1.25rem;margin:2rem 0 .5rem}
.body p,.body ul,.body ol{margin:0 0 1.15rem}
.body li{margin:.3rem 0}
.body blockquote{margin:1.6rem 0;padding:.2rem 1.2rem;border-inline-start:4px solid var(--accent);color:var(--soft)}
.body table{display:block;overflow-x:auto;border-collapse:collapse;font:.95rem/1.5 var(--sans);margin:1.6rem 0}
.body th,.body td{text-align:start;padding:.55rem .8rem;border-bottom:1px solid var(--line);vertical-align:top}
.body th{background:var(--tint)}
.body pre{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1rem}
.tags{list-style:none;display:flex;flex-wrap:wrap;gap:.5rem;padding:0;margin:2.5rem 0 0;font:.875rem var(--sans)}
.tags li{background:var(--tint);border-radius:99px;padding:.3rem .8rem}
.empty{max-width:72rem;margin:auto;padding:2rem 1.25rem;color:var(--soft)}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#333;--line:#bbb;--accent:#000}.bar,.foot,.toc,.skip{display:none}
body{font-size:11pt}.post,.hero,.grid{max-width:none;padding:0}h2,h3{break-after:avoid}figure,table,.card{break-inside:avoid}
.body a[href^="http"]::after{content:" (" attr(href) ")";font-size:85%;word-break:break-all}}
"""
