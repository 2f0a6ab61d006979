import type { Kysely } from 'kysely';
import type { RegistryTables } from '../store.ts';

/** Lists are JSON texts; times RFC 3339; booleans 0 and 1. */
export interface RemoteTables extends RegistryTables {
  registry_remotes: {
    name: string;
    url: string;
    username: string | null;
    secret: Uint8Array | null;
    ca: string | null;
    repositories: string;
    projects: string;
    networks: string;
    token_hosts: string;
    storage_hosts: string;
    offline: number;
    created_at: string;
    created_by: string;
    updated_at: string;
  };
  registry_mirrors: {
    prefix: string;
    project: string;
    remote: string;
    upstream: string;
    pull_through: number;
    repositories: string;
    tags: string;
    platforms: string;
    referrers: number;
    newest: number | null;
    every_seconds: number | null;
    fresh_seconds: number;
    size_max_bytes: number;
    created_at: string;
    created_by: string;
    synced_at: string | null;
    sync_state: string | null;
    sync_detail: string | null;
    next_sync_at: string | null;
  };
  /** What a mirror knows of the source's tags. `gone`: the source had it and has it no more. */
  registry_mirror_tags: {
    repository: string;
    tag: string;
    digest: string | null;
    checked_at: string;
    changed_at: string;
    state: string;
    detail: string | null;
  };
}

export type RemoteDatabase = Kysely<RemoteTables>;

export function readList(text: string): string[] {
  return JSON.parse(text) as string[];
}
