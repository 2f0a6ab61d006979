import { queryOptions } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import { listOf } from '../api/queries.ts';
import type { BackupRepository, StorageClass, StorageDevice, VolumeDetails } from '../api/types.ts';

/** What only the pages about storage ask for: not in the first load. */
export const storageQueries = {
  volume: (project: string, environment: string, claim: string) =>
    queryOptions({
      queryKey: ['volumes', project, environment, claim],
      queryFn: () => api.get<VolumeDetails>(apiPath(['projects', project, 'volumes', environment, claim])),
    }),
  repositories: () =>
    queryOptions({
      queryKey: ['backup-repositories'],
      queryFn: () => listOf<BackupRepository>('/backup-repositories'),
    }),
  classes: () =>
    queryOptions({ queryKey: ['storage-classes'], queryFn: () => listOf<StorageClass>('/storage-classes') }),
  devices: () =>
    queryOptions({ queryKey: ['storage-devices'], queryFn: () => listOf<StorageDevice>('/storage-devices') }),
};
