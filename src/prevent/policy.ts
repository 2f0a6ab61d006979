import { z } from 'zod';
import { FormatError, parseYaml, sayFormatError } from '../formats/index.ts';
import { describeIssue, expected, type Text } from '../system/index.ts';
import { preventFault } from './errors.ts';
import type { PreventPolicy } from './guard.ts';
import { PATTERN_LENGTH_MAX, PATTERNS_MAX, POLICY_BYTES_MAX } from './limits.ts';
import { isPackagePattern } from './packages.ts';

export const policyName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/);
const pattern = z
  .string()
  .min(1)
  .max(PATTERN_LENGTH_MAX)
  .regex(/^[^\0]*$/);
const patterns = z.array(pattern).min(1).max(PATTERNS_MAX).nullable().default(null);
const list = <T extends z.ZodType<string>>(item: T) => z.array(item).max(PATTERNS_MAX).default([]);
const path = pattern.refine(
  (text) => text.startsWith('/'),
  expected('a path from the root of the container', 'una ruta desde la raíz del contenedor'),
);
const hash = pattern.regex(/^sha256:[0-9a-f]{64}$/);
const name = pattern
  .regex(/^[^/]+$/)
  .refine(
    (text) => !text.startsWith('sha256:'),
    expected('sha256: and 64 hexadecimal digits', 'sha256: y 64 cifras hexadecimales'),
  );

export const preventPolicy = z
  .strictObject({
    name: policyName,
    mode: z.enum(['dry-run', 'enforce']).default('dry-run'),
    match: z
      .strictObject({
        projects: patterns,
        environments: patterns,
        workloads: patterns,
        images: patterns,
        labels: z.array(pattern.regex(/=/)).min(1).max(PATTERNS_MAX).nullable().default(null),
      })
      // What speaks of everything is a slip of the pen: everything is said as projects: ['*'].
      .refine(
        (match) => Object.values(match).some((value) => value !== null),
        expected(
          'projects, environments, workloads, images or labels',
          'projects, environments, workloads, images o labels',
        ),
      ),
    drift: z.boolean().default(false),
    except: list(path),
    commands: list(z.union([path, hash, name])),
    files: list(path),
    components: list(name),
    packages: list(
      pattern.refine(
        isPackagePattern,
        expected('a name or purl of packages, and more than *', 'un nombre o purl de paquetes, y más que *'),
      ),
    ),
    whenLate: z.enum(['allow', 'deny']).default('allow'),
  })
  .refine(
    ({ drift, commands, files, components, packages }) =>
      drift || commands.length + files.length + components.length + packages.length > 0,
    expected('drift, commands, files, components or packages', 'drift, commands, files, components o packages'),
  )
  .refine(({ drift, except }) => drift || except.length === 0, {
    ...expected('drift: true beside it', 'drift: true a su lado'),
    path: ['except'],
  })
  .refine(({ components }) => components.every((one) => !/^\*+$/.test(one)), {
    ...expected('more than *', 'más que *'),
    path: ['components'],
  });

/** @throws Fault prevent.policy-invalid with each mistake and its place */
export function readPreventPolicy(source: string): PreventPolicy {
  if (Buffer.byteLength(source) > POLICY_BYTES_MAX) {
    const bytes = POLICY_BYTES_MAX;
    throw invalid([{ at: '', en: `has more than ${bytes} bytes`, es: `tiene más de ${bytes} bytes` }]);
  }
  let document: ReturnType<typeof parseYaml>;
  try {
    document = parseYaml(source);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { position } = error;
    throw invalid([{ at: position === null ? '' : `${position.line}:${position.column}`, ...sayFormatError(error) }]);
  }
  const parsed = preventPolicy.safeParse(document.value);
  if (parsed.success) return parsed.data;
  throw invalid(
    parsed.error.issues.map((issue) => {
      const { code, message, path: way, ...params } = issue;
      const places = way.filter((part) => typeof part !== 'symbol');
      // A member that is not known has its own line; what is missing has that of what it is missing from.
      const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
      const { line, column } = document.locate([...places, ...unknown]);
      const said = describeIssue({ keyword: code, message, instancePath: `/${places.join('/')}`, params });
      return { at: `${line}:${column}${places.length === 0 ? '' : ` ${places.join('.')}`}`, ...said };
    }),
  );
}

/** More mistakes than this are told after these were mended. */
const MISTAKES_TOLD = 8;

function invalid(mistakes: readonly (Text & { readonly at: string })[]): Error {
  const rest = mistakes.length - MISTAKES_TOLD;
  const all = (language: 'en' | 'es', more: string): string =>
    mistakes
      .slice(0, MISTAKES_TOLD)
      .map(({ at, ...text }) => (at === '' ? text[language] : `${at}: ${text[language]}`))
      .join('; ') + (rest > 0 ? more : '');
  const why: Text = { en: all('en', ` (and ${rest} more)`), es: all('es', ` (y ${rest} más)`) };
  return preventFault('prevent.policy-invalid', { why });
}
