import { basename, dirname } from 'node:path';
import { convertFolder } from '../../deploy/compose/index.ts';
import { type RuntimesOfHost, reportManifest } from '../../deploy/kubernetes/index.ts';
import type { AskSupport } from '../../scan/index.ts';
import type { CliProgram } from '../../system/index.ts';

/**
 * What `darsena check` says of fields: the answer of the very code that would deploy them.
 * @param askHosts whether the platform is asked which run-times its hosts have
 */
export async function fieldSupport({ api }: CliProgram, askHosts: boolean): Promise<AskSupport> {
  const hosts = askHosts ? (await api.get<{ items: HostView[] }>('/hosts')).items : null;
  const runtimes = hosts?.flatMap(({ name, engine }): RuntimesOfHost[] =>
    engine === null ? [] : [{ ...engine, name }],
  );
  return (kind, path, text) => {
    if (kind === 'kubernetes') return reportManifest({ path, text }, runtimes ?? null);
    if (kind !== 'compose') return null;
    const place = { folder: dirname(path), files: [basename(path)] };
    return convertFolder(place, { variables: process.env, profiles: ['*'] }).report;
  };
}

/** A host as `/hosts` tells it, as far as its run-times go. */
interface HostView {
  readonly name: string;
  readonly engine: Pick<RuntimesOfHost, 'runtimes'> | null;
}
