import { childOf, type XmlElement, XmlReader } from '../../formats/index.ts';

export interface Pom {
  /** What the project says to be; null when a part of it is inherited and not in the file. */
  readonly own: { readonly group: string; readonly artifact: string; readonly version: string } | null;
  /** What it needs when it runs, where the file itself says the version. */
  readonly needs: readonly { readonly name: string; readonly version: string }[];
  readonly licences: readonly string[];
}

/** Properties may name others; a chain this long is a loop. */
const PROPERTY_STEPS_MAX = 8;
/** Needed for tests or building only, or no archive at all. */
const NOT_AT_RUN_TIME = new Set(['test', 'system', 'import']);

/** Reads a project object model (Maven POM reference), from the file alone: parents are not looked up. */
export function readPom(text: string): Pom {
  const reader = new XmlReader((name) => name === 'project', { maxDepth: 32 });
  const project = reader.write(text)[0] ?? null;
  reader.end();
  if (project === null) return { own: null, needs: [], licences: [] };
  const parent = childOf(project, 'parent');
  const textOf = (element: XmlElement | null, name: string): string => childOf(element, name)?.text.trim() ?? '';
  const properties = new Map<string, string>();
  for (const { name, text: value } of childOf(project, 'properties')?.children ?? [])
    properties.set(name, value.trim());
  const own = {
    group: textOf(project, 'groupId') || textOf(parent, 'groupId'),
    artifact: textOf(project, 'artifactId'),
    version: textOf(project, 'version') || textOf(parent, 'version'),
  };
  for (const prefix of ['project.', 'pom.', '']) {
    properties.set(`${prefix}groupId`, own.group);
    properties.set(`${prefix}artifactId`, own.artifact);
    properties.set(`${prefix}version`, own.version);
  }
  properties.set('project.parent.version', textOf(parent, 'version'));
  const resolve = (value: string): string => {
    let resolved = value;
    for (let step = 0; step < PROPERTY_STEPS_MAX && resolved.includes('${'); step++) {
      if (resolved.length > 1000) return '';
      resolved = resolved.replace(/\$\{([^${}]{1,200})\}/g, (whole, name: string) => properties.get(name) ?? whole);
    }
    // A range names no version; what is left of a property stands in a parent.
    return resolved.includes('${') || /^[[(]/.test(resolved) ? '' : resolved;
  };

  const managed = new Map<string, string>();
  for (const one of dependenciesOf(childOf(project, 'dependencyManagement'))) {
    managed.set(`${textOf(one, 'groupId')}:${textOf(one, 'artifactId')}`, textOf(one, 'version'));
  }
  const needs: { name: string; version: string }[] = [];
  for (const one of dependenciesOf(project)) {
    if (NOT_AT_RUN_TIME.has(textOf(one, 'scope'))) continue;
    const key = `${textOf(one, 'groupId')}:${textOf(one, 'artifactId')}`;
    const version = resolve(textOf(one, 'version') || (managed.get(key) ?? ''));
    const name = `${resolve(textOf(one, 'groupId'))}:${resolve(textOf(one, 'artifactId'))}`;
    if (version !== '' && !name.startsWith(':') && !name.endsWith(':')) needs.push({ name, version });
  }
  const [group, artifact, version] = [resolve(own.group), resolve(own.artifact), resolve(own.version)];
  return {
    own: group !== '' && artifact !== '' && version !== '' ? { group, artifact, version } : null,
    needs,
    licences: (childOf(project, 'licenses')?.children ?? [])
      .map((licence) => textOf(licence, 'name').replace(/\s+/g, ' '))
      .filter((licence) => licence !== ''),
  };
}

function dependenciesOf(element: XmlElement | null): readonly XmlElement[] {
  return (childOf(element, 'dependencies')?.children ?? []).filter(({ name }) => name === 'dependency');
}
