import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { generateParts, LANGUAGES, place, readFaults, readRoutes } from '../docs/generate.ts';
import { ROUTES } from '../docs/routes.ts';
import { COMMANDS } from '../src/programs/cli/commands.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');
const pagesOf = async (language: string): Promise<string[]> =>
  (await readdir(join(DOCS, language))).filter((name) => name.endsWith('.md')).sort();
const readPage = (language: string, page: string): Promise<string> => readFile(join(DOCS, language, page), 'utf8');

describe('the manual', () => {
  it('has the same pages with the same sections in both languages', async () => {
    const pages = await pagesOf('en');
    assert.deepEqual(await pagesOf('es'), pages);
    for (const page of pages) {
      const [en, es] = await Promise.all(LANGUAGES.map((language) => readPage(language, page)));
      assert.equal(sections(es ?? ''), sections(en ?? ''), `${page}: the sections of both languages differ`);
    }
  });

  for (const language of LANGUAGES) {
    it(`says in ${language} what the code says of errors, commands, routes and fields`, async () => {
      for (const part of await generateParts(language)) {
        const page = await readPage(language, part.page);
        assert.ok(
          place(page, part) === page,
          `docs/${language}/${part.page} is not what the code says; run: ./darsena-node docs/generate.ts`,
        );
      }
    });

    it(`has every fault code in ${language}, and no other`, async () => {
      const page = await readPage(language, 'errors.md');
      const written = [...page.matchAll(/^\| `([a-z0-9.-]+)` +\|/gm)].map(([, code]) => code ?? '').sort();
      assert.deepEqual(written, [...(await readFaults()).keys()].sort());
    });

    it(`has every command in ${language}`, async () => {
      const page = await readPage(language, 'commands.md');
      const words = COMMANDS.flatMap((unit) => unit.words).filter((word) => !word.startsWith('__'));
      for (const word of words) assert.match(page, new RegExp(`^#+ darsena ${word}$`, 'm'));
    });

    it(`links in ${language} only to files and sections that are there`, async () => {
      for (const page of await pagesOf(language)) await checkLinks(join(DOCS, language, page));
    });
  }

  it('links on the front pages only to files that are there', async () => {
    for (const page of ['README.md', 'README.es.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/benchmarks.md']) {
      await checkLinks(join(DOCS, '..', page));
    }
  });

  it('says what every route does, and of no other', async () => {
    const found = (await readRoutes()).map(({ method, url }) => `${method} ${url}`).sort();
    assert.deepEqual(Object.keys(ROUTES).sort(), found);
  });
});

/** Depths of the headings in their order: what both languages share. */
function sections(page: string): string {
  return outsideCode(page)
    .split('\n')
    .flatMap((line) => /^(#+) /.exec(line)?.[1]?.length ?? [])
    .join(' ');
}

async function checkLinks(path: string): Promise<void> {
  const page = outsideCode(await readFile(path, 'utf8'));
  for (const [, target = ''] of page.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = '', section] = target.split('#');
    const to = file === '' ? path : join(path, '..', file);
    const text = file.endsWith('/') ? (await readdir(to)).join() : await readFile(to, 'utf8');
    if (section !== undefined) assert.ok(anchors(text).includes(section), `${path}: no section ${target}`);
  }
}

/** Headings as the usual viewers name them: lower case, without signs, hyphens for spaces. */
function anchors(page: string): string[] {
  return [...outsideCode(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function outsideCode(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, '');
}
