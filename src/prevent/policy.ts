import { z } from 'zod';
import { describeFormatError, FormatError, parseYaml } from '../formats/index.ts';
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
const path = pattern.regex(/^\//, { message: 'expected a path from the root of the container' });
const hash = pattern.regex(/^sha256:[0-9a-f]{64}$/);
const name = pattern.regex(/^[^/]+$/).refine((text) => !text.startsWith('sha256:'), { message: 'expected 64 digits' });

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
      .refine((match) => Object.values(match).some((value) => value !== null), {
        message: 'expected projects, environments, workloads, images or labels',
      }),
    drift: z.boolean().default(false),
    except: list(path),
    commands: list(z.union([path, hash, name])),
    files: list(path),
    components: list(name),
    packages: list(
      pattern.refine(isPackagePattern, { message: 'expected a name or purl of packages, and more than *' }),
    ),
    whenLate: z.enum(['allow', 'deny']).default('allow'),
  })
  .refine(
    ({ drift, commands, files, components, packages }) =>
      drift || commands.length + files.length + components.length + packages.length > 0,
    { message: 'expected drift, commands, files, components or packages' },
  )
  .refine(({ drift, except }) => drift || except.length === 0, { message: 'except belongs to drift', path: ['except'] })
  .refine(({ components }) => components.every((one) => !/^\*+$/.test(one)), {
    message: 'expected more than *',
    path: ['components'],
  });

/** @throws Fault prevent.policy-invalid with the place */
export function readPreventPolicy(source: string): PreventPolicy {
  if (Buffer.byteLength(source) > POLICY_BYTES_MAX) throw invalid('', `more than ${POLICY_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    ({ value } = parseYaml(source));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { position } = error;
    throw invalid(position === null ? '' : `${position.line}:${position.column}`, describeFormatError(error).en);
  }
  const parsed = preventPolicy.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(issue?.path.join('.') ?? '', issue?.message ?? 'another shape');
}

function invalid(place: string, why: string): Error {
  return preventFault('prevent.policy-invalid', { place: place === '' ? 'the policy' : place, why });
}
