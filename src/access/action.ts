/** What can be asked of the platform. A role is a list of these; a route names exactly one. */
export type Action =
  | 'project.read'
  | 'project.create'
  | 'image.read'
  | 'image.pull'
  | 'image.push'
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
  | 'audit.read'
  | 'advisories.read'
  | 'advisories.update'
  | 'policy.read'
  | 'base.read'
  | 'base.create'
  | 'host.read'
  | 'user.manage'
  | 'platform.admin';

export type Role = 'admin' | 'developer' | 'analyst' | 'approver' | 'auditor';

/** Rights of the platform's own helpers, never given to people: a build pushes its image, a host pulls what it runs. */
export type ServiceRole = 'builder' | 'host';

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

const ROLE_ACTIONS: Readonly<Record<Role | ServiceRole, readonly Action[]>> = {
  admin: [
    ...READS,
    'project.create',
    'image.pull',
    'image.push',
    'image.delete',
    'repository.manage',
    'release.create',
    'promotion.request',
    'promotion.approve',
    'workload.exec',
    'incident.respond',
    'audit.read',
    'advisories.update',
    'base.create',
    'user.manage',
    'platform.admin',
  ],
  developer: [
    ...READS,
    'project.create',
    'image.pull',
    'image.push',
    'release.create',
    'promotion.request',
    'workload.exec',
    'base.create',
  ],
  analyst: [...READS, 'image.pull', 'incident.respond', 'advisories.update', 'audit.read'],
  approver: [...READS, 'promotion.approve'],
  auditor: [...READS, 'audit.read'],
  builder: ['image.pull', 'image.push'],
  host: ['image.pull'],
};

/** Knowledge that belongs to no project and that everybody with a role somewhere needs to read a verdict or a report. */
const COMMON_KNOWLEDGE: ReadonlySet<Action> = new Set(['advisories.read', 'policy.read', 'base.read']);

export interface Grant {
  readonly role: Role | ServiceRole;
  /** A project's name, or '*' for all projects and the platform itself. */
  readonly project: string;
}

/** Who asks. `actor` is how facts name them. */
export interface Principal {
  readonly id: string;
  readonly actor: string;
  readonly kind: 'user' | 'robot' | 'agent' | 'scanner' | 'platform';
  readonly name: string;
  readonly grants: readonly Grant[];
  /** The token it came with, when it came with one; revoking that ends everything derived from it. */
  readonly tokenId: string | null;
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

/** Whether the principal may do this in the project, or, with null, to the platform as a whole. */
export function may(principal: Principal, action: Action, project: string | null): boolean {
  if (project === null && COMMON_KNOWLEDGE.has(action) && principal.grants.length > 0) return true;
  return principal.grants.some(
    (grant) =>
      (grant.project === '*' || (project !== null && grant.project === project)) &&
      ROLE_ACTIONS[grant.role].includes(action),
  );
}

/** The projects in which the principal may do this: what a list across projects is cut down to. */
export function visibleProjects(principal: Principal, action: Action): '*' | readonly string[] {
  const grants = principal.grants.filter((grant) => ROLE_ACTIONS[grant.role].includes(action));
  return grants.some((grant) => grant.project === '*') ? '*' : [...new Set(grants.map((grant) => grant.project))];
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
