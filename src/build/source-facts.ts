/** What a command line says of a source beside its bytes. */
import { readFile } from 'node:fs/promises';
import { type CliProgram, fileReason } from '../system/index.ts';
import { buildFault } from './errors.ts';
import type { OpenedSource } from './open-source.ts';
import { AGENT_PREFIX } from './secrets.ts';

/** Its commit, and the time that the image bears. */
export function addSourceFacts(query: URLSearchParams, { commit }: OpenedSource, timestamp?: string): void {
  const epoch = timestamp ?? process.env['SOURCE_DATE_EPOCH'];
  if (epoch !== undefined && epoch !== '') query.set('sourceDateEpoch', epoch);
  if (commit === null) return;
  query.set('commit', commit.id);
  query.set('commitTime', commit.time);
  query.set('dirty', commit.dirty ? '1' : '0');
  if (commit.repository !== null) query.set('repository', commit.repository);
}

/** Brings the secrets by a request of their own; what stands in the query is only where they are. */
export async function addSecrets(
  cli: CliProgram,
  project: string,
  query: URLSearchParams,
  words: readonly string[],
  agents: readonly string[] = [],
): Promise<void> {
  if (words.length + agents.length === 0) return;
  const all = await Promise.all([...words.map(readSecret), ...agents.map(readAgentKey)]);
  const secrets = Object.fromEntries(all);
  const { id } = await cli.api.post<{ id: string }>(`/projects/${project}/build-secrets`, { secrets });
  query.set('secrets', id);
}

/** `default=FILE`, as docker and podman have it. What an agent holds never leaves it, so that the file is wanted. */
async function readAgentKey(word: string): Promise<[string, string]> {
  const at = word.indexOf('=');
  const id = at < 0 ? word : word.slice(0, at);
  const refuse = (reason: string, motivo: string): never => {
    throw buildFault('build.secret-invalid', { id: `--ssh ${id.slice(0, 80)}`, reason, motivo });
  };
  const path = word.slice(at + 1);
  if (at < 1)
    return refuse('expected ID=FILE, the file of a private key', 'se esperaba ID=ARCHIVO, el de una clave privada');
  const bytes = await readFile(path).catch((error: unknown) => {
    const why = fileReason(error);
    return refuse(`${path}: ${why.en}`, `${path}: ${why.es}`);
  });
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(bytes.toString('latin1')))
    return refuse(`${path} is no private key`, `${path} no es una clave privada`);
  return [`${AGENT_PREFIX}${id}`, bytes.toString('base64')];
}

/** `id=npmrc,src=.npmrc`, `id=token,env=TOKEN`; without either, a variable of the id's name, else a file of it, as docker has it. */
async function readSecret(word: string): Promise<[string, string]> {
  const parts = new Map(
    word.split(',').map((part) => [part.split('=', 1)[0] ?? '', part.slice(part.indexOf('=') + 1)]),
  );
  const id = parts.get('id') ?? '';
  const refuse = (reason: string, motivo: string): never => {
    throw buildFault('build.secret-invalid', { id: id.slice(0, 80), reason, motivo });
  };
  if (id === '')
    refuse('expected id=ID,src=FILE or id=ID,env=NAME', 'se esperaba id=ID,src=ARCHIVO o id=ID,env=NOMBRE');
  const file = parts.get('src') ?? parts.get('source');
  const variable = parts.get('env') ?? (file === undefined && process.env[id] !== undefined ? id : undefined);
  if (variable !== undefined) {
    const value = process.env[variable];
    if (value === undefined)
      return refuse(`the variable ${variable} is not set`, `la variable ${variable} no está definida`);
    return [id, Buffer.from(value).toString('base64')];
  }
  try {
    return [id, (await readFile(file ?? id)).toString('base64')];
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return refuse(`${file ?? id}: ${code}`, `${file ?? id}: ${code}`);
  }
}
