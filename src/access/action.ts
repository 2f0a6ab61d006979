import { matchesGlob } from '../oci/index.ts';
import { accessFault } from './errors.ts';

/** What can be asked of the platform. A role is a list of these; a route names exactly one. */
export type Action =
  | 'project.read'
  | 'project.create'
  | 'image.read'
  | 'image.pull'
  /** Content, manifests by digest, and tags that are not there yet. */
  | 'image.push'
  /** Making an existing tag name another digest. */
  | 'image.move-tag'
  /** Taking away a tag, a manifest or a blob. */
  | 'image.delete'
  | 'repository.manage'
  | 'release.read'
  | 'release.create'
  | 'promotion.request'
  | 'promotion.approve'
  | 'workload.read'
  | 'workload.exec'
  | 'incident.read'
  | 'incident.respond'
  /** Detection rules, and what of them is known harmless. */
  | 'rule.manage'
  | 'audit.read'
  | 'advisories.read'
  | 'advisories.update'
  | 'policy.read'
  | 'base.read'
  | 'base.create'
  | 'host.read'
  | 'member.manage'
  | 'robot.manage'
  | 'user.manage'
  | 'platform.admin';

export type Role = 'admin' | 'developer' | 'analyst' | 'approver' | 'auditor';

/** What programs of a project get: a robot or a trusted workload. Each names what it may do with repositories. */
export type RobotRole = 'puller' | 'pusher' | 'publisher' | 'deleter';

/** Rights of the platform's own helpers, never given to people: a build pushes its image, a host pulls what it runs. */
export type ServiceRole = 'builder' | 'host';

/** Actions that can be given to a robot one by one, where no role of theirs fits. */
export const ROBOT_ACTIONS = ['image.read', 'image.pull', 'image.push', 'image.move-tag', 'image.delete'] as const;
export type RobotAction = (typeof ROBOT_ACTIONS)[number];

export const ROBOT_ROLES: readonly RobotRole[] = ['puller', 'pusher', 'publisher', 'deleter'];

export const ROLES: readonly Role[] = ['admin', 'developer', 'analyst', 'approver', 'auditor'];

const READS: readonly Action[] = [
  'project.read',
  'image.read',
  'release.read',
  'workload.read',
  'incident.read',
  'advisories.read',
  'policy.read',
  'base.read',
  'host.read',
];

const ROLE_ACTIONS: Readonly<Record<Role | ServiceRole | RobotRole | RobotAction, readonly Action[]>> = {
  admin: [
    ...READS,
    'project.create',
    'image.pull',
    'image.push',
    'image.move-tag',
    'image.delete',
    'repository.manage',
    'release.create',
    'promotion.request',
    'promotion.approve',
    'workload.exec',
    'incident.respond',
    'rule.manage',
    'audit.read',
    'advisories.update',
    'base.create',
    'member.manage',
    'robot.manage',
    'user.manage',
    'platform.admin',
  ],
  developer: [
    ...READS,
    'project.create',
    'image.pull',
    'image.push',
    'image.move-tag',
    'release.create',
    'promotion.request',
    'workload.exec',
    'base.create',
  ],
  analyst: [...READS, 'image.pull', 'incident.respond', 'rule.manage', 'advisories.update', 'audit.read'],
  approver: [...READS, 'promotion.approve'],
  auditor: [...READS, 'audit.read'],
  // A base image is made anew under its tag, and a commit built twice keeps its tag.
  builder: ['image.pull', 'image.push', 'image.move-tag'],
  host: ['image.pull'],
  puller: ['image.read', 'image.pull'],
  pusher: ['image.read', 'image.pull', 'image.push'],
  publisher: ['image.read', 'image.pull', 'image.push', 'image.move-tag'],
  deleter: ['image.read', 'image.pull', 'image.delete'],
  'image.read': ['image.read'],
  'image.pull': ['image.pull'],
  'image.push': ['image.push'],
  'image.move-tag': ['image.move-tag'],
  'image.delete': ['image.delete'],
};

/** Knowledge that belongs to no project and that everybody with a role somewhere needs to read a verdict or a report. */
const COMMON_KNOWLEDGE: ReadonlySet<Action> = new Set(['advisories.read', 'policy.read', 'base.read']);

export interface Grant {
  readonly role: Role | ServiceRole | RobotRole | RobotAction;
  /** A project's name, or '*' for all projects and the platform itself. */
  readonly project: string;
  /** Patterns of whole repository names; absent: every repository of the project. */
  readonly repositories?: readonly string[];
}

/** Who asks. `actor` is how facts name them. */
export interface Principal {
  readonly id: string;
  readonly actor: string;
  readonly kind: 'user' | 'robot' | 'agent' | 'scanner' | 'platform' | 'anonymous';
  readonly name: string;
  readonly grants: readonly Grant[];
  /** The token it came with, when it came with one; revoking that ends everything derived from it. */
  readonly tokenId: string | null;
  /** The person behind a program: who made its token, or gave a project's robot its secret, as facts name them. */
  readonly owner?: string;
  /** Of a person: rises when the password changes, so that what was derived from the old one ends. */
  readonly epoch?: number;
  /** SHA-256 of the client certificate by which a person's command line proved who they are, in lower-case hexadecimal. */
  readonly certificate?: string;
}

/** The platform acting for itself. */
export const PLATFORM: Principal = {
  id: 'platform',
  actor: 'platform',
  kind: 'platform',
  name: 'platform',
  grants: [{ role: 'admin', project: '*' }],
  tokenId: null,
};

/**
 * Whether the principal may do this in the project, or, with null, to the platform as a whole. A right that was given
 * for some repositories only answers for a repository, never for the project.
 */
export function may(
  principal: Pick<Principal, 'grants'>,
  action: Action,
  project: string | null,
  repository?: string,
): boolean {
  if (project === null && COMMON_KNOWLEDGE.has(action) && principal.grants.length > 0) return true;
  return principal.grants.some(
    (grant) =>
      (grant.project === '*' || (project !== null && grant.project === project)) &&
      ROLE_ACTIONS[grant.role].includes(action) &&
      (grant.repositories === undefined ||
        (repository !== undefined && grant.repositories.some((pattern) => matchesGlob(pattern, repository)))),
  );
}

/**
 * Who asks for what another person has to agree to: behind a token stands who made it, behind a robot who gave it its
 * secret, and neither is the other one.
 */
export function personBehind({ actor, owner }: Pick<Principal, 'actor' | 'owner'>): string {
  return owner ?? actor;
}

/**
 * Where two people have to agree each is a person: a token or robot says yes for whoever made it, who may be the other one.
 * @throws Fault access.person-needed
 */
export function requirePerson({ kind, name }: Pick<Principal, 'kind' | 'name'>): void {
  if (kind !== 'user') throw accessFault('access.person-needed', { name });
}

/** The projects in which the principal may do this: what a list across projects is cut down to. */
export function visibleProjects(principal: Principal, action: Action): '*' | readonly string[] {
  const grants = principal.grants.filter(
    (grant) => grant.repositories === undefined && ROLE_ACTIONS[grant.role].includes(action),
  );
  return grants.some((grant) => grant.project === '*') ? '*' : [...new Set(grants.map((grant) => grant.project))];
}

/** What a grant allows, for showing it and for comparing it with what somebody holds. */
export function actionsOf(grant: Grant): readonly Action[] {
  return ROLE_ACTIONS[grant.role];
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

export function isRobotRight(text: string): text is RobotRole | RobotAction {
  return (ROBOT_ROLES as readonly string[]).includes(text) || (ROBOT_ACTIONS as readonly string[]).includes(text);
}
