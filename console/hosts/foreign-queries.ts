import { queryOptions } from '@tanstack/react-query';
import { api } from '../api/client.ts';
import type { ForeignRules } from '../api/types.ts';

export const foreignRules = () =>
  queryOptions({ queryKey: ['foreign', 'rules'], queryFn: () => api.get<ForeignRules>('/foreign/rules') });
