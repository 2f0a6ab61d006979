import type { Page } from 'playwright-core';
import { readCatalogues, textsOf } from '../console-catalogues.ts';

/** Texts of the other language that must not be read: those which no entry of this language has as well. */
export async function foreignTexts(language: 'en' | 'es'): Promise<readonly string[]> {
  const own = new Set<string>();
  const foreign = new Set<string>();
  for (const { en, es } of await readCatalogues()) {
    for (const [key, entry] of Object.entries(en)) {
      const translated = es[key] ?? '';
      for (const text of textsOf(language === 'en' ? entry : translated)) own.add(text.toLowerCase());
      for (const text of textsOf(language === 'en' ? translated : entry)) foreign.add(text);
    }
  }
  // A single short word may well be a name in the data: `web`, `dev`, `admin`.
  return [...foreign].filter((text) => !own.has(text.toLowerCase()) && (text.includes(' ') || text.length > 7));
}

/** Every theme and every width; what is drawn depends on both, where it stands on the width alone. */
const LOOKS = [
  ['light', 1440],
  ['dark', 1440],
  ['light', 1024],
  ['dark', 390],
] as const;

/**
 * Runs in the page: what a screen reader, a keyboard or weak eyes would stumble over, and words that nobody translated.
 * The parts of axe-core that matter here, without its half megabyte.
 */
const AUDIT = `((foreign) => {
  const problems = [];
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const nameOf = (element) => {
    const labelled = element.getAttribute('aria-labelledby');
    const byId = labelled === null ? '' : labelled.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
    const label = element.id === '' ? null : document.querySelector('label[for="' + CSS.escape(element.id) + '"]');
    return (element.closest('label')?.textContent ?? '') + (element.getAttribute('aria-label') ?? '') + byId + (label?.textContent ?? '') + (element.tagName === 'INPUT' || element.tagName === 'SELECT' ? '' : element.textContent) + (element.getAttribute('title') ?? '');
  };
  const describe = (element) => element.outerHTML.slice(0, 140);
  for (const element of document.querySelectorAll('button, a, input:not([hidden]), select, textarea, summary, [role=progressbar], [role=option], dialog, nav, section[aria-label], fieldset, table')) {
    if (visible(element) && nameOf(element).trim() === '' && element.querySelector(':scope > legend') === null) problems.push('no name: ' + describe(element));
  }
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) problems.push('id used twice: ' + id);
  for (const element of document.querySelectorAll('[aria-labelledby], [aria-describedby], [aria-controls]')) {
    for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
      for (const id of (element.getAttribute(attribute) ?? '').split(' ').filter(Boolean)) {
        if (document.getElementById(id) === null) problems.push(attribute + ' points nowhere: ' + describe(element));
      }
    }
  }
  for (const image of document.querySelectorAll('svg')) if (image.getAttribute('aria-hidden') !== 'true') problems.push('svg is read aloud: ' + describe(image));
  if (document.querySelectorAll('h1').length !== 1) problems.push(document.querySelectorAll('h1').length + ' main headings');
  if (document.querySelectorAll('main').length !== 1) problems.push('not one main');
  let level = 1;
  for (const heading of document.querySelectorAll('main h1, main h2, main h3, main h4')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) problems.push('heading jumps to ' + describe(heading));
    level = next;
  }
  for (const list of document.querySelectorAll('ul, ol')) for (const child of list.children) if (child.tagName !== 'LI') problems.push('in a list: ' + describe(child));
  for (const element of document.querySelectorAll('[tabindex]')) if (Number(element.getAttribute('tabindex')) > 0) problems.push('tab order forced: ' + describe(element));
  const heading = document.querySelector('h1')?.textContent ?? '';
  if (heading !== '' && !document.title.startsWith(heading)) problems.push('the title is "' + document.title + '", the page "' + heading + '"');
  if (document.documentElement.scrollWidth > window.innerWidth) {
    const wide = [...document.querySelectorAll('main *')].filter((element) => element.getBoundingClientRect().right > window.innerWidth + 1).at(-1);
    problems.push('wider than the window: ' + document.documentElement.scrollWidth + ' ' + (wide === undefined ? '' : describe(wide)));
  }

  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const ink = canvas.getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const channels = (color) => {
    if (!known.has(color)) {
      ink.clearRect(0, 0, 1, 1);
      ink.fillStyle = color;
      ink.fillRect(0, 0, 1, 1);
      known.set(color, [...ink.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(color);
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, index) => (value * a + under[index] * (255 - a)) / 255);
  const luminance = (color) => {
    const [r, g, b] = color.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      layers.push(color);
      if (color[3] === 255) break;
    }
    return layers.reverse().reduce((under, color) => over(color, under), [255, 255, 255]);
  };
  const words = new Set(foreign.map((text) => text.toLowerCase()));
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const measured = new Set();
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (text === '' || element === null || element.closest('script, style, canvas') !== null || !visible(element)) continue;
    if (/^\\{\\w+\\}$|\\{(count|name|project|number|time|done|total)\\}/.test(text) && element.closest('td') === null) problems.push('not filled in: ' + text);
    if (element.closest('[lang]') === document.documentElement && words.has(text.toLowerCase())) problems.push('not translated: ' + text);
    if (element.closest('[disabled], .hidden-text, .skip') !== null || document.querySelector('dialog[open]') !== null && element.closest('dialog') === null) continue;
    const style = getComputedStyle(element);
    const key = style.color + style.fontSize + style.fontWeight + element.className + element.parentElement?.className + element.closest('[aria-current], [class*=tone-]')?.className;
    if (measured.has(key)) continue;
    measured.add(key);
    const ground = groundOf(element);
    const [a, b] = [luminance(over(channels(style.color), ground)), luminance(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < least) problems.push('contrast ' + ratio.toFixed(2) + ' of "' + text.slice(0, 40) + '": ' + describe(element));
  }
  return problems;
})`;

/** Five seconds in all. */
const REST_TRIES = 20;
const REST_MS = 250;

/** Looks at the page that is shown in both themes and at three widths, and says what is wrong where. */
export async function auditPage(page: Page, place: string, foreign: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const [theme, width] of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
    let problems: string[] = [];
    // What is wrong counts once the page has come to rest: on a busy machine a new width is laid out some frames later, and what
    // was read meanwhile is drawn in the middle of a look. Only what is wrong is waited for.
    for (let tries = 0; tries < REST_TRIES; tries += 1) {
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
      problems = await page.evaluate<string[]>(`${AUDIT}(${JSON.stringify(foreign)})`);
      if (problems.length === 0) break;
      await page.waitForTimeout(REST_MS);
    }
    found.push(...problems.map((problem) => `${place} ${theme} ${width}: ${problem}`));
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  return found;
}

/** Waits until a page has drawn what it reads. */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  // What was read may ask for more, so that one skeleton follows another: the page rests when none is there twice in a row.
  for (let quiet = 0; quiet < 2; ) {
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    quiet = (await page.locator('.skeleton').count()) === 0 ? quiet + 1 : 0;
  }
}

/** What went wrong while the pages were visited: exceptions, errors on the console, requests that failed. */
export function watchTroubles(page: Page): string[] {
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(`${page.url()}: ${error}`));
  page.on('console', (message) => {
    // Chromium asks again by itself when a network of some container comes or goes on this machine.
    if (message.type() === 'error' && !message.text().includes('ERR_NETWORK_CHANGED'))
      troubles.push(`${page.url()}: ${message.text()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) troubles.push(`${page.url()}: ${response.status()} ${response.url()}`);
  });
  return troubles;
}
