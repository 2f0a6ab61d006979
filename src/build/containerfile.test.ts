import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../system/index.ts';
import { parseContainerfile } from './containerfile.ts';

/** Written out, so that nothing here looks like a template by mistake. */
const DOLLAR = '$';

const parse = (text: string, args: Record<string, string> = {}) =>
  parseContainerfile(text, { file: 'Containerfile', args });
const imagesOf = (text: string, args: Record<string, string> = {}): string[] =>
  parse(text, args).images.map(({ name }) => name);

test('images are found wherever a build reads one; stages and scratch are not images', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['FROM base/debian-12', ['base/debian-12']],
    ['from --platform=linux/amd64 base/a:1 as One\nFROM one\nFROM scratch', ['base/a:1']],
    [
      'FROM base/a AS x\nFROM base/b\nCOPY --from=x /a /b\nCOPY --from=0 /a /b\nCOPY --chown=1 --from=base/c /a /b',
      ['base/a', 'base/b', 'base/c'],
    ],
    ['FROM base/a\nRUN --mount=type=bind,from=base/d,target=/x true', ['base/a', 'base/d']],
    [`ARG V=12\nFROM base/debian-${DOLLAR}{V}`, ['base/debian-12']],
    [`ARG V\nFROM base/debian-${DOLLAR}{V:-13}`, ['base/debian-13']],
    ['# FROM no\n\nFROM base/a\nRUN echo FROM no', ['base/a']],
  ];
  for (const [text, images] of cases) assert.deepEqual(imagesOf(text), images, text);
  assert.deepEqual(imagesOf('ARG V=12\nFROM base/debian-$V', { V: '13' }), ['base/debian-13']);
});

test('instructions keep the line they start on and their step in their stage', () => {
  const { instructions, stages } = parse(
    'ARG A=1\nFROM base/a\n\n# note\nRUN a \\\n  # inside\n\n  b\nFROM base/b\nUSER 1\n',
  );
  assert.equal(stages, 2);
  assert.deepEqual(
    instructions.map(({ keyword, text, line, stage, step }) => [keyword, text, line, stage, step]),
    [
      ['ARG', 'A=1', 1, -1, 0],
      ['FROM', 'base/a', 2, 0, 1],
      ['RUN', 'a   b', 5, 0, 2],
      ['FROM', 'base/b', 9, 1, 1],
      ['USER', '1', 10, 1, 2],
    ],
  );
});

test('what cannot be built is refused with its line', () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['', 1, /no FROM/],
    ['RUN x\n', 1, /before FROM/],
    ['FROM base/a\nRUNN x\n', 2, /instruction/],
    [`FROM base/${DOLLAR}{V}\n`, 1, /V has no value/],
    ['FROM a\n'.repeat(1001), 1001, /1000 instructions/],
  ];
  for (const [text, line, why] of cases) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof Fault && error.params['line'] === line && why.test(error.message),
      text.slice(0, 20),
    );
  }
});

test('a download in the middle of a build is refused in every form ADD knows', () => {
  for (const form of [
    'ADD https://a/b /',
    'ADD ["http://a/b", "/"]',
    'ADD --chown=1 git@host:a.git /',
    'ADD git://h/a /',
  ]) {
    assert.throws(
      () => parse(`FROM scratch\n${form}`),
      (error) => error instanceof Fault && error.code === 'build.remote-refused',
      form,
    );
  }
});

test('what an image would have done in whatever is built on it is no instruction that nobody has looked at', () => {
  const trigger = 'FROM base/a AS one\nONBUILD ADD http://169.254.169.254/latest /x\n';
  assert.equal(parse(trigger).stages, 1);
  assert.equal(parse(`${trigger}FROM base/b\nCOPY --from=one /x /x`).stages, 2);
  for (const text of [`${trigger}FROM one`, `${trigger}FROM ONE AS two`, `ARG N=one\n${trigger}FROM $N`])
    assert.throws(() => parse(text), { code: 'build.containerfile-invalid', message: /ONBUILD of one/i });
  const bases = parse('FROM base/a\nCOPY --from=base/b /x /x\nCOPY --from=base/c /y /y\nFROM base/c').images;
  assert.deepEqual(
    bases.map(({ name, isBase }) => [name, isBase]),
    [
      ['base/a', true],
      ['base/b', false],
      ['base/c', true],
    ],
  );
});

test('flags of Docker are carried out, or refused with their line before anything is built, in both languages', () => {
  const written = (line: string): string => parse(`FROM base/a AS a\n${line}`).rewritten.text.split('\n')[1] ?? '';
  assert.equal(written('COPY --link --from=a --chown=1:1 /x /y'), 'COPY --from=a --chown=1:1 /x /y');
  assert.equal(written('COPY --chmod=0644 --link=true x /y'), 'COPY --chmod=0644 x /y');
  assert.equal(written('ADD --link=false x.tar /y'), 'ADD x.tar /y');
  assert.equal(
    written('RUN --mount=type=tmpfs,target=/t,size=1m --mount=type=cache,target=/c,size=1 make'),
    'RUN --mount=type=tmpfs,target=/t,tmpfs-size=1m --mount=type=cache,target=/c,size=1 make',
  );
  assert.equal(written('RUN ls --link'), 'RUN ls --link');
  for (const [line, en, es] of [
    ['COPY --parents a/*.txt /y', /--parents is not carried out here: name each folder/, /--parents no se ejecuta/],
    ['COPY --exclude=*.md . /y', /into \.containerignore/, /en \.containerignore/],
    ['ADD --checksum=sha256:00 x /y', /covered by its digest/, /digest de la fuente/],
    ['ADD --keep-git-dir=true x /y', /--keep-git-dir is not carried out here$/, /--keep-git-dir no se ejecuta aquí$/],
  ] as const) {
    assert.throws(
      () => written(line),
      (error) => {
        assert.ok(error instanceof Fault && error.params['line'] === 2, line);
        assert.match(error.text('en').why ?? '', en);
        assert.match(error.text('es').why ?? '', es);
        return true;
      },
    );
  }
});

test('secrets, platforms and agents of ssh are seen before anything is built', () => {
  const file = parse(
    'ARG P=linux/arm64\nFROM --platform=$P base/a AS x\nFROM --platform=$BUILDPLATFORM base/b\n' +
      'RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=key,required=true a\n' +
      'RUN --mount=type=secret,target=/run/token,required=false b\nRUN --mount=type=cache,target=/c c',
  );
  assert.deepEqual(
    file.secrets.map(({ id, required, line }) => [id, required, line]),
    [
      ['npmrc', false, 4],
      ['key', true, 4],
      ['token', false, 5],
    ],
  );
  assert.deepEqual(file.platforms, ['linux/arm64']);
  const runsOn = (text: string): string[] => [...parse(text).runsOn].sort();
  assert.deepEqual([...file.runsOn], ['host']);
  assert.deepEqual(runsOn('FROM base/a\nCOPY x /x\nENTRYPOINT ["/x"]'), []);
  assert.deepEqual(runsOn('FROM base/a\nRUN x\nFROM --platform=$TARGETPLATFORM base/b\nRUN y'), ['target']);
  assert.deepEqual(runsOn('FROM --platform=linux/s390x base/a AS one\nFROM ONE\nRUN y'), ['linux/s390x']);
  const { agents } = parse('FROM base/a\nRUN --mount=type=ssh git x\nRUN --mount=type=ssh,id=b,required=true c');
  assert.deepEqual(agents, [
    { id: 'default', required: false, line: 2 },
    { id: 'b', required: true, line: 3 },
  ]);
});

test('here-documents become what buildah reads: scripts of the same shell, and files beside the source', () => {
  const file = parse(
    [
      'FROM base/a',
      'RUN <<EOF',
      'set -e',
      '# FROM nobody',
      'echo "$HOME" \\',
      '  two',
      'EOF',
      'SHELL ["/bin/bash", "-ec"]',
      'RUN --mount=type=cache,target=/c cat <<-one > /x && cat 3<<"two"',
      '\ta',
      'one',
      'b',
      'two',
      'RUN <<X',
      '#!/usr/bin/python3 -u',
      'print(1)',
      'X',
      'COPY --chown=1 <<"a.conf" <<b /etc/',
      'k=$v',
      'a.conf',
      'plain',
      'b',
      'RUN echo "<<no" $((1<<2)) a\\ \\<<b',
      'FROM base/b',
      'RUN <<E',
      'x',
      'E',
    ].join('\n'),
  );
  assert.deepEqual(file.rewritten.text.split('\n'), [
    'FROM base/a',
    `RUN ${JSON.stringify(['/bin/sh', '-c', 'set -e\n# FROM nobody\necho "$HOME" \\\n  two\n'])}`,
    'SHELL ["/bin/bash", "-ec"]',
    `RUN --mount=type=cache,target=/c ${JSON.stringify([
      '/bin/bash',
      '-ec',
      'cat <<-one > /x && cat 3<<"two"\na\none\nb\ntwo\n',
    ])}`,
    `RUN ${JSON.stringify([
      '/bin/sh',
      '-c',
      "/usr/bin/python3 -u /dev/fd/3 3<<'X'\n#!/usr/bin/python3 -u\nprint(1)\nX\n",
    ])}`,
    'COPY --from=darsena-inline --chmod=0644 --chown=1 18/a.conf 18/b /etc/',
    'RUN echo "<<no" $((1<<2)) a\\ \\<<b',
    'FROM base/b',
    'RUN ["/bin/sh","-c","x\\n"]',
    '',
  ]);
  assert.deepEqual(file.rewritten.files, [
    { path: '18/a.conf', text: 'k=$v\n' },
    { path: '18/b', text: 'plain\n' },
  ]);
  assert.deepEqual(
    file.instructions.map(({ line }) => line),
    [1, 2, 8, 9, 14, 18, 23, 24, 25],
  );
  const named = parse('ARG B=base/a\nFROM --platform=$TARGETPLATFORM $B:1 AS x\nRUN y');
  assert.deepEqual(named.rewritten, {
    text: 'ARG B=base/a\nFROM --platform=$TARGETPLATFORM base/a:1 AS x\nRUN y\n',
    files: [],
  });
  const flagged = parse('ARG A=a\nARG P=linux\nFROM --platform=$P/$A base/$A');
  assert.equal(flagged.rewritten.text, 'ARG A=a\nARG P=linux\nFROM --platform=$P/$A base/a\n');
  const dedented = parse('FROM base/a\nADD <<-"x" /etc/\n\ta\n\t\tb\n\tx\nRUN <<-Y\n#!/bin/awk -f\n\tBEGIN {}\nY');
  assert.deepEqual(dedented.rewritten.files, [{ path: '2/x', text: 'a\nb\n' }]);
  assert.match(dedented.rewritten.text, /^COPY --from=darsena-inline --chmod=0644 2\/x \/etc\/$/m);
  assert.match(dedented.rewritten.text, /3<<-'Y'/);
  for (const text of [
    'RUN <<EOF\nx',
    'COPY <<A /a\n$HOME\nA',
    'COPY <<"A" b /a\nx\nA',
    'COPY --from=base/x <<"A" /a\nx\nA',
    'COPY <<".." /a\nx\n..',
    `RUN <<A\n${'x'.repeat(66_000)}\nA`,
  ]) {
    assert.throws(
      () => parse(`FROM base/a\n${text}`),
      (error) => error instanceof Fault && error.code === 'build.containerfile-invalid' && error.params['line'] === 2,
      text,
    );
  }
});

test('what buildah is given is what was looked at: words that go on in the next line, marks, quotes and variables', () => {
  const { rewritten, images } = parse(
    [
      '# escape=` is no directive with words behind it',
      'FROM base/\\',
      'a',
      'COPY --from="base/b" a b',
      'RUN echo a\\',
      '   # a comment',
      '',
      'b \\ \t',
      '  c',
      'ARG U=http://192.0.2.1/x',
      'ADD --chown=$U $U a.tar $U/b /x/',
      'ADD ["\\u0068ttp://192.0.2.1/x", "a b", "/x/"]',
    ].join('\n'),
  );
  assert.deepEqual(
    images.map(({ name }) => name),
    ['base/a', 'base/b'],
  );
  assert.deepEqual(rewritten.text.split('\n'), [
    'FROM base/a',
    'COPY --from=base/b a b',
    'RUN echo ab   c',
    'ARG U=http://192.0.2.1/x',
    'ADD --chown=$U ./$U a.tar ./$U/b /x/',
    'ADD ["./http://192.0.2.1/x","a b","/x/"]',
    '',
  ]);
  assert.throws(
    () => parse('FROM base/a\nADD ht\\\ntp://192.0.2.1/x /x'),
    (error) => error instanceof Fault && error.code === 'build.remote-refused' && error.params['line'] === 2,
  );
  for (const flag of ['--fr\\om=base/b', '--"from"=base/b', '--from="base/b"x', '--chown=1\u0085--from=base/b']) {
    assert.throws(
      () => parse(`FROM base/a\nCOPY ${flag} a b`),
      (error) => error instanceof Fault && error.code === 'build.containerfile-invalid' && error.params['line'] === 2,
      flag,
    );
  }
});

test('a Containerfile of nothing but marks of here-documents, or of continued lines, is read to its end', () => {
  for (const text of [`RUN ${'<'.repeat(900_000)}`, `RUN ${' <<'.repeat(300_000)}`, `RUN ${'x\\\n'.repeat(300_000)}`])
    try {
      parse(`FROM base/a\n${text}`);
    } catch (error) {
      assert.ok(error instanceof Fault, String(error));
    }
});
