import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Digest } from '../../oci/index.ts';
import type { Text } from '../../system/index.ts';
import { readVia, VIA_HEADER } from '../client.ts';
import { IDLE_MS } from '../limits.ts';
import type { Registry } from '../registry.ts';
import { remoteFault } from '../remotes/errors.ts';
import type { Session } from './sign-in.ts';

/**
 * Lets a mirror fetch what is asked for before it is looked up. Says by `Age` how long ago the source was asked, and
 * answers warnings where the source could not be asked.
 */
export async function bringManifest(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  reference: string,
): Promise<readonly Text[]> {
  const { upstream } = registry;
  if (upstream === null || upstream.owner(repository) === null) return [];
  return waiting(request, response, async (signal) => {
    const { caller } = session;
    const brought = await upstream.bring({
      repository,
      reference,
      caller,
      via: readVia(request.headers[VIA_HEADER]),
      signal,
    });
    if (brought === null) return [];
    if (brought.ageSeconds !== null) response.setHeader('Age', brought.ageSeconds);
    return brought.warning === null ? [] : [brought.warning];
  });
}

/** The same for what refers to a digest. */
export async function bringReferrers(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  repository: string,
  digest: Digest,
): Promise<readonly Text[]> {
  const { upstream } = registry;
  if (upstream === null || upstream.owner(repository) === null) return [];
  return waiting(request, response, async () => {
    const why = await upstream.bringReferrersOf(repository, digest, readVia(request.headers[VIA_HEADER]));
    return why === null ? [] : [why];
  });
}

/** A mirror's content comes from its source only. @throws Fault mirror.read-only */
export function refusePush(registry: Registry, repository: string): void {
  const remote = registry.upstream?.owner(repository) ?? null;
  if (remote !== null) throw remoteFault('mirror.read-only', { repository, remote });
}

/** A fetch, a scan and a verdict take longer than a connection may stand still otherwise. */
async function waiting<T>(
  request: IncomingMessage,
  response: ServerResponse,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once('close', leave);
  request.setTimeout(0);
  try {
    return await work(gone.signal);
  } finally {
    response.off('close', leave);
    request.setTimeout(IDLE_MS);
  }
}
