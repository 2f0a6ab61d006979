import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileTree, type LayerEntry } from './layers.ts';

/** 'a/' folder, 'a' file, 'a>b' symlink, 'a=b' hard link. */
function treeOf(...layers: string[][]): FileTree {
  const tree = new FileTree();
  for (const [index, lines] of layers.entries()) {
    tree.apply(
      index,
      lines.map((line, ordinal): LayerEntry => {
        const [, path = '', mark, target = ''] = /^([^>=]*?)(?:([>=])(.*))?$/.exec(line) ?? [];
        if (mark === '>') return { path, kind: 'symlink', linkTarget: target, ordinal };
        if (mark === '=') return { path, kind: 'hardlink', linkTarget: target, ordinal };
        if (path.endsWith('/')) return { path: path.slice(0, -1), kind: 'directory', linkTarget: '', ordinal };
        return { path, kind: 'file', linkTarget: '', ordinal };
      }),
    );
  }
  return tree;
}

/** 'path@layer.ordinal' of every file and 'path>target' of every link, sorted. */
const show = (tree: FileTree): string[] =>
  [...tree.files()]
    .map(({ path, node }) =>
      node.target === null ? `${path}@${node.content?.layer}.${node.content?.ordinal}` : `${path}>${node.target}`,
    )
    .sort();

test('layers merge as image-spec says', () => {
  const table: [string, string[][], string[]][] = [
    ['a later layer replaces a file', [['a'], ['x', 'a']], ['a@1.1', 'x@1.0']],
    ['the last of two equal names wins', [['a', 'a']], ['a@0.1']],
    ['a whiteout hides a file', [['d/a', 'd/b'], ['d/.wh.a']], ['d/b@0.1']],
    ['a whiteout hides a folder', [['d/e/a', 'b'], ['.wh.d']], ['b@0.1']],
    ['a whiteout hides nothing of its own layer', [['d/a'], ['d/b', '.wh.d']], ['d/b@1.0']],
    ['a name can be hidden and come back in one layer', [['a'], ['a', '.wh.a']], ['a@1.0']],
    [
      'an opaque folder hides lower names',
      [
        ['d/a', 'd/e/f'],
        ['d/.wh..wh..opq', 'd/b'],
      ],
      ['d/b@1.1'],
    ],
    [
      'wherever the mark stands',
      [
        ['d/a', 'd/e/f'],
        ['d/e/g', 'd/b', 'd/.wh..wh..opq'],
      ],
      ['d/b@1.1', 'd/e/g@1.0'],
    ],
    ['a file takes the place of a folder', [['d/a'], ['d']], ['d@1.0']],
    ['a folder takes the place of a file', [['d'], ['d/', 'd/a']], ['d/a@1.1']],
    ['a folder again keeps its files', [['d/a'], ['d/', 'd/b']], ['d/a@0.0', 'd/b@1.1']],
    ['a link takes the place of a folder', [['d/a', 'e/b'], ['d>e']], ['d>e', 'e/b@0.1']],
    ['books of AUFS are no files', [['.wh..wh.aufs', '.wh..wh.plnk/', 'a']], ['a@0.2']],
    ['a hard link is the same content', [['a', 'b=a']], ['a@0.0', 'b@0.0']],
    ['a hard link outlives its first name', [['a', 'b=a'], ['.wh.a']], ['b@0.0']],
    ['a hard link reaches into a lower layer', [['a'], ['b=a']], ['a@0.0', 'b@0.0']],
    [
      'writing through a link of a lower layer',
      [['lib>usr/lib', 'usr/lib/a'], ['lib/b']],
      ['lib>usr/lib', 'usr/lib/a@0.1', 'usr/lib/b@1.0'],
    ],
    ['writing through an absolute link stays inside', [['l>/etc'], ['l/passwd']], ['etc/passwd@1.0', 'l>/etc']],
    [
      'writing through a climbing link stays inside',
      [['l>../../../etc'], ['l/passwd']],
      ['etc/passwd@1.0', 'l>../../../etc'],
    ],
    ['a whiteout through a link', [['l>etc', 'etc/passwd', 'b'], ['l/.wh.passwd']], ['b@0.2', 'l>etc']],
    ['a folder becomes a link between two files of it', [['d/a', 'e/x', 'd>e', 'd/b']], ['d>e', 'e/b@0.3', 'e/x@0.1']],
    ['a whiteout of nothing', [['a'], ['d/.wh.x', '.wh.y', 'e/.wh..wh..opq']], ['a@0.0']],
  ];
  for (const [name, layers, expected] of table) assert.deepEqual(show(treeOf(...layers)), expected, name);
});

test('entries that no engine unpacks are refused by name', () => {
  const table: [string, string[][]][] = [
    ['a hard link to nothing', [['bad=nothing']]],
    ['a hard link to a folder', [['d/', 'bad=d']]],
    ['a hard link out of the root', [['bad=../../etc/passwd']]],
    ['a file below a file', [['f', 'f/bad']]],
    ['links in a circle', [['a>b', 'b>a', 'a/bad']]],
  ];
  for (const [name, layers] of table) assert.throws(() => treeOf(...layers), /bad|"a"/, name);
});

test('lookup() follows links inside the root', () => {
  const tree = treeOf(['etc/os-release>../usr/lib/os-release', 'usr/lib/os-release', 'l>/../../usr', 'c>c']);
  assert.deepEqual(tree.lookup('etc/os-release')?.content, { layer: 0, ordinal: 1 });
  assert.deepEqual(tree.lookup('l/lib/os-release')?.content, { layer: 0, ordinal: 1 });
  assert.equal(tree.realPath('etc/os-release'), 'usr/lib/os-release');
  assert.equal(tree.realPath('l/lib/../lib/os-release'), 'usr/lib/os-release');
  assert.equal(tree.realPath('no/such'), null);
  assert.equal(tree.lookup('no/such'), null);
  assert.deepEqual(tree.list('usr/lib'), ['os-release']);
  assert.equal(tree.lookup('c'), null);
});

test('opaque marks on every level of a deep tree stop at a limit', () => {
  const deep = 'a/'.repeat(200);
  const entry = (path: string): LayerEntry => ({ path, kind: 'file', linkTarget: '', ordinal: 0 });
  const marks = Array.from({ length: 200 }, (_, depth) => entry(`${'a/'.repeat(depth + 1)}.wh..wh..opq`));
  const files = Array.from({ length: 100 }, (_, index) => entry(`${deep}f${index}`));
  const apply = (removalVisitsMax: number) => new FileTree({ removalVisitsMax }).apply(1, [...files, ...marks]);
  assert.throws(() => apply(20_000), /whiteouts look at more than 20000 names/);
  assert.doesNotThrow(() => apply(60_000));
});
