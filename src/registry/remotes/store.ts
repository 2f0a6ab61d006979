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
  registry_watches: {
    name: string;
    remote: string;
    repositories: string;
    tags: string;
    newest: number;
    every_seconds: number;
    created_at: string;
    created_by: string;
    checked_at: string | null;
    state: string | null;
    detail: string | null;
    next_at: string;
  };
  registry_watched_images: {
    watch: string;
    repository: string;
    tag: string;
    digest: string;
    /** Of an index: the image of it that was looked into. */
    image: string | null;
    first_seen_at: string;
    changed_at: string;
    checked_at: string;
    examination: string | null;
    problem: string | null;
  };
  registry_copies: {
    id: string;
    kind: string;
    place: string;
    project: string | null;
    here: string;
    digest: string;
    detail: string;
    found_at: string;
    resolved_at: string | null;
  };
  registry_replications: {
    name: string;
    remote: string;
    repositories: string;
    tags: string;
    deletes: number;
    paused: number;
    created_at: string;
    created_by: string;
    succeeded_at: string | null;
  };
  registry_replication_queue: {
    id: string;
    rule: string;
    action: string;
    repository: string;
    tag: string | null;
    digest: string;
    queued_at: string;
    next_at: string;
    attempts: number;
    state: string;
    ended_at: string | null;
    bytes: number;
    problem: string | null;
  };
}

export type RemoteDatabase = Kysely<RemoteTables>;

export function readList(text: string): string[] {
  return JSON.parse(text) as string[];
}
