import { openConsole, visit } from '/tmp/h/kernel/main/test/real/console-ground.ts';
const ground = await openConsole();
try {
  for (const [language, theme, width] of [['en','light',390],['es','dark',390],['es','light',1440],['en','dark',1440]] as const) {
    const v = await visit(ground, { language, theme, width, height: 900 });
    await v.page.goto(v.mock.url + '/hosts');
    await v.page.locator('h1').waitFor();
    await v.page.waitForTimeout(1200);
    await v.page.getByLabel('CVE', { exact: true }).fill('CVE-2024-1086');
    await v.page.keyboard.press('Enter');
    await v.page.waitForTimeout(700);
    const wide = await v.page.evaluate(`(() => { const w = document.documentElement.clientWidth; const out=[]; for (const e of document.querySelectorAll('main *')) { const r=e.getBoundingClientRect(); if (r.right > w + 1 && r.width>0) out.push(e.tagName+'.'+e.className+' '+Math.round(r.right)+' '+(e.textContent||'').slice(0,40)); } return [w, document.documentElement.scrollWidth, ...out.slice(0,15)]; })()`);
    console.log(language, theme, width, JSON.stringify(wide), v.troubles);
    for (const [i, y] of [0, 1800, 3600, 5400].entries()) { await v.page.evaluate('window.scrollTo(0,'+y+')'); await v.page.screenshot({ path: '/tmp/k/h-'+language+'-'+theme+'-'+width+'-'+i+'.png', clip: {x:0,y,width, height:1800}, fullPage:true }).catch(() => null); }
    await v.close();
  }
} finally { await ground.close(); }
