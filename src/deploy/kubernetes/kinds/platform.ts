import type { Kind } from '../schema.ts';
import { refusedKind } from '../schema.ts';
import { LATER } from './common.ts';

export const AUTOSCALER: Kind = refusedKind('HorizontalPodAutoscaler', 'autoscaling/v2', LATER);
export const VERTICAL_AUTOSCALER: Kind = refusedKind('VerticalPodAutoscaler', 'autoscaling.k8s.io/v1', LATER);
export const BUDGET: Kind = refusedKind('PodDisruptionBudget', 'policy/v1', LATER);
export const SERVICE_ACCOUNT: Kind = refusedKind('ServiceAccount', 'v1', LATER);
export const NAMESPACE_KIND: Kind = refusedKind('Namespace', 'v1', LATER);
