/** Where things are in the console: the path of the REST API without its base. */
const join = (...segments: readonly (string | number)[]) => `/${segments.map((s) => encodeURIComponent(s)).join('/')}`;

export const addresses = {
  overview: () => '/',
  projects: () => '/projects',
  project: (project: string, tab?: ProjectTab) =>
    tab === undefined ? join('projects', project) : join('projects', project, tab),
  workload: (project: string, environment: string, workload: string) =>
    join('projects', project, 'workloads', environment, workload),
  promotions: () => '/promotions',
  images: (project = '') => (project === '' ? '/images' : `/images?project=${encodeURIComponent(project)}`),
  image: (project: string, digest: string) => join('projects', project, 'images', digest).replaceAll('%3A', ':'),
  repositories: (project = '') =>
    project === '' ? '/repositories' : `/repositories?project=${encodeURIComponent(project)}`,
  /** `tienda/web` lives at /projects/tienda/repositories/web; a name with more slashes is one segment. */
  repository: (repository: string, tab?: string) => {
    const slash = repository.indexOf('/');
    const path = join('projects', repository.slice(0, slash), 'repositories', repository.slice(slash + 1));
    return tab === undefined ? path : `${path}?tab=${tab}`;
  },
  quarantine: () => '/quarantine',
  /** Where an issue is and runs. */
  where: () => '/findings',
  finding: (id: string) => `/findings?id=${encodeURIComponent(id)}`,
  decisions: () => '/decisions',
  credentialRules: () => '/credential-rules',
  registries: () => '/registries',
  trust: () => '/trust',
  incidents: () => '/incidents',
  incident: (number: number) => join('incidents', number),
  operations: () => '/operations',
  operation: (id: string) => join('operations', id),
  live: () => '/live',
  rules: () => '/rules',
  rule: (name: string) => join('rules', 'by-name', name),
  /** Not a path: the name of a file has an ending, and what has one is a file of the console's own. */
  ruleFile: (name: string) => `/rules/try?file=${encodeURIComponent(name)}`,
  newRule: () => '/rules/try',
  drills: () => '/drills',
  hosts: () => '/hosts',
  audit: () => '/audit',
  settings: (section?: string) => (section === undefined ? '/settings' : join('settings', section)),
};

export type ProjectTab =
  | 'assurance'
  | 'compare'
  | 'network'
  | 'policy'
  | 'volumes'
  | 'workloads'
  | 'releases'
  | 'promotions'
  | 'access';
