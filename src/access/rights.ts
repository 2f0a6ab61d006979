import { isRepositoryName, isRepositoryPattern } from '../oci/index.ts';
import type { Json } from '../system/index.ts';
import { actionsOf, type Grant, isRobotRight, may, type Principal } from './action.ts';
import { accessFault } from './errors.ts';
import { REPOSITORIES_MAX, RIGHTS_MAX } from './limits.ts';

/** What a program of a project may do, as people write it. */
export interface ProgramRights {
  /** Roles of robots, or single actions. */
  readonly rights: readonly string[];
  /** Patterns below the project: `web`, `team/*`; empty: all of its repositories. */
  readonly repositories: readonly string[];
}

/**
 * The grants that a project's program gets. Patterns stand below the project, so none of them can leave it; nobody gives
 * what they do not hold.
 * @throws Fault access.rights-invalid, access.grant-too-wide
 */
export function grantsOf(project: string, asked: ProgramRights, by: Principal): Grant[] {
  const { rights, repositories } = asked;
  const invalid = (why: string) => accessFault('access.rights-invalid', { why });
  if (rights.length === 0 || rights.length > RIGHTS_MAX) throw invalid(`between 1 and ${RIGHTS_MAX} rights are needed`);
  if (repositories.length > REPOSITORIES_MAX) throw invalid(`at most ${REPOSITORIES_MAX} patterns of repositories`);
  const patterns = repositories.map((pattern) => {
    const whole = `${project}/${pattern}`;
    if (!isRepositoryPattern(whole)) throw invalid(`"${pattern.slice(0, 100)}" is not a pattern of repository names`);
    if (!whole.includes('*') && !isRepositoryName(whole)) throw invalid(`"${pattern}" is no repository name`);
    return whole;
  });
  return rights.map((right) => {
    if (!isRobotRight(right)) throw invalid(`"${right.slice(0, 40)}" is no right of a program`);
    const grant: Grant = { role: right, project, ...(patterns.length === 0 ? {} : { repositories: patterns }) };
    if (!actionsOf(grant).every((action) => may(by, action, project))) {
      throw accessFault('access.grant-too-wide', { name: by.name, role: right, place: project });
    }
    return grant;
  });
}

/** As people write it, for lists and facts. */
export function describeRights(
  project: string,
  grants: readonly Grant[],
): { rights: string[]; repositories: string[] } {
  const patterns = grants.flatMap((grant) => grant.repositories ?? []);
  return {
    rights: grants.map((grant) => grant.role),
    repositories: [...new Set(patterns)].map((pattern) => pattern.slice(project.length + 1)),
  };
}

export function describeGrant({ role, project, repositories }: Grant): { [key: string]: Json } {
  return { role, project, ...(repositories === undefined ? {} : { repositories: [...repositories] }) };
}
