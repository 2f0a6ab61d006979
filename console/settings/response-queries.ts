import { queryOptions } from '@tanstack/react-query';
import { listOf } from '../api/queries.ts';
import type { ResponsePolicy, StoredPlaybook } from '../api/types.ts';

export const responseQueries = {
  policies: () =>
    queryOptions({
      queryKey: ['response-policies'],
      queryFn: () => listOf<ResponsePolicy>('/response/policies'),
    }),
  playbooks: () => queryOptions({ queryKey: ['playbooks'], queryFn: () => listOf<StoredPlaybook>('/playbooks') }),
};
