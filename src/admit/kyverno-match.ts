import type { Json } from '../system/index.ts';
import { isSelected, items, labelsOf, type Members, members, type PolicyMap } from './admission-policy.ts';
import { matchesWildcard } from './kyverno-amounts.ts';

/** What a filter of Kyverno may ask of an object. */
interface Subject {
  readonly object: PolicyMap;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly name: string;
  /** Empty: it is in none. */
  readonly namespace: string;
  /** Null: nothing is known of it, and selectors of namespaces say nothing. */
  readonly namespaceLabels: ReadonlyMap<string, unknown> | null;
}

/** Whether `match` speaks of an object and `exclude` does not. */
export function isSpokenOf(match: Members, exclude: Members, subject: Subject): boolean {
  return isIn(match, subject) && !isOut(exclude, subject);
}

function isIn(block: Members, subject: Subject): boolean {
  const { any, all } = block;
  if (items(any).length > 0) return items(any).some((filter) => isMatched(members(filter), subject, false));
  if (items(all).length > 0) return items(all).every((filter) => isMatched(members(filter), subject, false));
  return isMatched(block, subject, false);
}

function isOut(block: Members, subject: Subject): boolean {
  const { any, all } = block;
  if (items(any).length > 0) return items(any).some((filter) => isMatched(members(filter), subject, true));
  if (items(all).length > 0) return items(all).every((filter) => isMatched(members(filter), subject, true));
  return isMatched(block, subject, true);
}

/**
 * One filter. Nobody is known who asks for a start: what names users is left out of `match`, as Kyverno does for what runs
 * already, and an exclusion of users excludes nobody.
 */
function isMatched(filter: Members, subject: Subject, isExclusion: boolean): boolean {
  const { resources, subjects, roles, clusterRoles } = filter;
  const asksUser = [subjects, roles, clusterRoles].some((one) => items(one).length > 0);
  if (isExclusion && asksUser) return false;
  const wanted = members(resources);
  if (Object.keys(wanted).length === 0) return !isExclusion && asksUser;
  const { kinds, name, names, namespaces, annotations, selector, namespaceSelector, operations } = wanted;
  const isOneOf = (list: Json | undefined, value: string): boolean =>
    items(list).length === 0 || items(list).some((one) => matchesWildcard(String(one), value));
  const place = subject.kind === 'Namespace' ? subject.name : subject.namespace;
  return (
    (items(kinds).length === 0 || items(kinds).some((one) => isOfKind(String(one), subject))) &&
    (name === undefined || matchesWildcard(String(name), subject.name)) &&
    isOneOf(names, subject.name) &&
    isOneOf(namespaces, place) &&
    (items(operations).length === 0 || items(operations).includes('CREATE')) &&
    isAnnotated(members(annotations), subject.object) &&
    (selector === undefined || isLabelled(labelsOf(subject.object), members(selector))) &&
    (namespaceSelector === undefined ||
      subject.namespaceLabels === null ||
      isLabelled(subject.namespaceLabels, members(namespaceSelector)))
  );
}

/** `Pod`, `v1/Pod`, `apps/v1/Deployment`, `batch/v1/CronJob`, `*`; what names a part of an object, as `Pod/exec`, is no start. */
export function isOfKind(
  written: string,
  { group, version, kind }: Pick<Subject, 'group' | 'version' | 'kind'>,
): boolean {
  const parts = written.split('/');
  const isVersion = (text: string | undefined): boolean => text !== undefined && /^(?:\*|v\d.*)$/.test(text);
  const [wantedGroup, wantedVersion, wantedKind, part] =
    parts.length === 1
      ? ['*', '*', parts[0]]
      : parts.length === 2
        ? isVersion(parts[0])
          ? ['*', parts[0], parts[1]]
          : ['*', '*', parts[0], parts[1]]
        : isVersion(parts[1])
          ? parts
          : ['*', parts[0], parts[1], parts[2]];
  if (part !== undefined && part !== '*') return false;
  return (
    matchesWildcard(wantedGroup ?? '*', group) &&
    matchesWildcard(wantedVersion ?? '*', version) &&
    matchesWildcard(wantedKind ?? '', kind)
  );
}

function isAnnotated(wanted: Members, object: PolicyMap): boolean {
  const metadata = object.get('metadata');
  const own = metadata instanceof Map ? metadata.get('annotations') : undefined;
  const there = own instanceof Map ? [...own] : [];
  return Object.entries(wanted).every(([name, value]) =>
    there.some(([one, text]) => matchesWildcard(name, String(one)) && matchesWildcard(String(value), String(text))),
  );
}

/** A selector whose names and values may have wildcards. */
function isLabelled(labels: ReadonlyMap<string, unknown>, selector: Members): boolean {
  const { matchLabels, ...rest } = selector;
  return (
    Object.entries(members(matchLabels)).every(([name, value]) =>
      [...labels].some(([one, text]) => matchesWildcard(name, one) && matchesWildcard(String(value), String(text))),
    ) && isSelected(labels, rest)
  );
}
