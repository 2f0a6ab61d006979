import { TITLE_MAX_LENGTH } from '../limits.ts';
import {
  type AdvisoryStatus,
  type AffectedPackage,
  type FeedItem,
  type Severity,
  severityOfWord,
  type VersionInterval,
} from '../record.ts';
import { bestScores, severityOf } from '../scores.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, textsOf, timeOf, titleOf } from './feed.ts';

/**
 * CSAF 2.0 (docs.oasis-open.org/csaf), security advisories and VEX, as Red Hat and SUSE publish them: what is fixed in
 * which version of which product, what is open and what will stay open.
 */
export const csaf: Feed = {
  name: 'csaf',
  sourceName: null,
  nameOf: (document) => {
    const publisher = isCsaf(document) && isObject(document['document']) ? document['document']['publisher'] : null;
    const name = isObject(publisher) ? textOf(publisher['name']) : null;
    return name === null
      ? null
      : `csaf-${name
          .toLowerCase()
          .replace(/[^a-z0-9]+/g, '-')
          .slice(0, 60)}`;
  },
  recognises: isCsaf,
  *read(document) {
    if (isCsaf(document)) yield* readDocument(document);
  },
};

function isCsaf(value: unknown): value is JsonObject {
  return isObject(value) && isObject(value['document']) && textOf(value['document']['csaf_version']) !== null;
}

/** A package of a product: `version` is null where only its name is known. */
interface Component {
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string | null;
  readonly level: 'binary' | 'source';
  readonly module: string | null;
}

function* readDocument(value: JsonObject): Generator<FeedItem> {
  const document = isObject(value['document']) ? value['document'] : {};
  const tracking = isObject(document['tracking']) ? document['tracking'] : {};
  const components = readComponents(isObject(value['product_tree']) ? value['product_tree'] : {});
  const aggregate = document['aggregate_severity'];
  const word = isObject(aggregate) ? severityOfWord(aggregate['text']) : 'unknown';
  const modified = timeOf(tracking['current_release_date']);
  const notice = textOf(tracking['id']);
  // Red Hat keeps a withdrawn document with this word, which CSAF itself does not have.
  if (textOf(tracking['status']) === 'deleted') {
    yield { kind: 'skipped' };
    return;
  }
  let count = 0;
  for (const vulnerability of objectsOf(value['vulnerabilities'])) {
    const id = textOf(vulnerability['cve']);
    const affected = id === null ? [] : readAffected(vulnerability, components);
    if (id === null || affected.length === 0) continue;
    count++;
    const scores = bestScores(
      objectsOf(vulnerability['scores']).flatMap((score) =>
        ['cvss_v3', 'cvss_v4'].map((kind) => {
          const found = score[kind];
          return isObject(found) ? textOf(found['vectorString']) : null;
        }),
      ),
    );
    yield {
      kind: 'advisory',
      record: {
        id,
        aliases: [],
        modified,
        title: titleOf(textOf(vulnerability['title']) ?? textOf(document['title']), TITLE_MAX_LENGTH) || id,
        url: urlOf(document, notice),
        severity: impactOf(vulnerability, word) ?? severityOf(scores),
        ...scores,
        affected,
      },
    };
  }
  if (count === 0) yield { kind: 'skipped' };
}

function urlOf(document: JsonObject, notice: string | null): string | null {
  const self = objectsOf(document['references']).find(
    ({ category, url }) => category === 'self' && !/\.json$/.test(textOf(url) ?? ''),
  );
  if (textOf(self?.['url'])) return textOf(self?.['url']);
  return notice?.startsWith('CVE-') ? `https://www.cve.org/CVERecord?id=${notice}` : null;
}

function impactOf(vulnerability: JsonObject, word: Severity): Severity | null {
  const words = objectsOf(vulnerability['threats'])
    .filter(({ category }) => category === 'impact')
    .map(({ details }) => severityOfWord(details));
  return words.find((one) => one !== 'unknown') ?? (word === 'unknown' ? null : word);
}

function readAffected(vulnerability: JsonObject, components: ReadonlyMap<string, Component>): AffectedPackage[] {
  const status = isObject(vulnerability['product_status']) ? vulnerability['product_status'] : {};
  const remedyOf = new Map<string, string>();
  for (const remedy of objectsOf(vulnerability['remediations'])) {
    for (const product of textsOf(remedy['product_ids'])) remedyOf.set(product, textOf(remedy['category']) ?? '');
  }
  const found = new Map<string, AffectedPackage>();
  const add = (component: Component, interval: VersionInterval, state: AdvisoryStatus): void => {
    const { ecosystem, name, level, module } = component;
    found.set(`${ecosystem} ${level} ${name} ${interval.fixed} ${module}`, {
      ecosystem,
      name,
      level,
      module,
      intervals: [interval],
      versions: [],
      status: state,
    });
  };
  for (const product of [
    ...textsOf(status['fixed']),
    ...textsOf(status['first_fixed']),
    ...textsOf(status['recommended']),
  ]) {
    const component = components.get(product);
    if (component?.version)
      add(component, { introduced: null, fixed: component.version, lastAffected: null }, 'affected');
  }
  const last = new Set(textsOf(status['last_affected']));
  const open = new Set([...textsOf(status['known_affected']), ...last]);
  const fixedNames = new Set([...found.values()].map(keyOf));
  const harmless = withoutScore(vulnerability);
  for (const product of [...open, ...textsOf(status['under_investigation'])]) {
    const component = components.get(product);
    if (!component || harmless(product)) continue;
    const remedy = remedyOf.get(product);
    const state: AdvisoryStatus = !open.has(product)
      ? 'under-investigation'
      : remedy === 'no_fix_planned'
        ? 'will-not-fix'
        : remedy === 'none_available'
          ? 'fix-deferred'
          : 'affected';
    // A distribution names the version that it has today: the next one is affected too until one is called fixed.
    const isBound = last.has(product) || fixedNames.has(keyOf(component));
    add(component, { introduced: null, fixed: null, lastAffected: isBound ? component.version : null }, state);
  }
  return [...found.values()];
}

function keyOf({ ecosystem, level, name, module }: Pick<AffectedPackage, 'ecosystem' | 'level' | 'name' | 'module'>) {
  return `${ecosystem} ${level} ${name} ${module}`;
}

/** Products that are rated 0 and have no impact: the flaw is in them, and does nothing there. */
function withoutScore(vulnerability: JsonObject): (product: string) => boolean {
  const none = new Set<string>();
  for (const score of objectsOf(vulnerability['scores'])) {
    const rating = score['cvss_v3'];
    if (isObject(rating) && rating['baseScore'] === 0) for (const one of textsOf(score['products'])) none.add(one);
  }
  if (none.size === 0) return () => false;
  for (const { category, product_ids: products } of objectsOf(vulnerability['threats'])) {
    if (category === 'impact') for (const one of textsOf(products)) none.delete(one);
  }
  return (product) => none.has(product);
}

/** Product ids to packages: each is "that package as a component of this platform". */
function readComponents(tree: JsonObject): Map<string, Component> {
  const platforms = new Map<string, string>();
  const packages = new Map<string, Omit<Component, 'ecosystem'>>();
  const walk = (branches: unknown): void => {
    for (const branch of objectsOf(branches)) {
      walk(branch['branches']);
      const product = isObject(branch['product']) ? branch['product'] : {};
      const id = textOf(product['product_id']);
      if (id === null) continue;
      const helper = isObject(product['product_identification_helper']) ? product['product_identification_helper'] : {};
      const ecosystem = ecosystemOf(textOf(helper['cpe']) ?? '', textOf(product['name']) ?? '');
      if (ecosystem !== null) platforms.set(id, ecosystem);
      const found = readPackage(textOf(helper['purl']), textOf(product['name']) ?? id, textOf(branch['category']));
      if (found) packages.set(id, found);
    }
  };
  walk(tree['branches']);
  const components = new Map<string, Component>();
  // A module is itself a component of the platform, and the package one of the module.
  const moduleOf = new Map<string, string>();
  for (const relation of objectsOf(tree['relationships'])) {
    const product = isObject(relation['full_product_name'])
      ? textOf(relation['full_product_name']['product_id'])
      : null;
    const name = textOf(relation['product_reference']);
    const platform = textOf(relation['relates_to_product_reference']);
    if (product === null || name === null || platform === null) continue;
    const ecosystem = platforms.get(platform);
    const module = moduleOf.get(platform) ?? null;
    // Red Hat has also named packages by their file and stream, "ruby-2.7.8-139.….x86_64.rpm-ruby:2.7", which looks like one.
    if (ecosystem !== undefined && !packages.has(name) && isModule(name)) {
      platforms.set(product, ecosystem);
      moduleOf.set(product, name.split(':').slice(0, 2).join(':'));
      continue;
    }
    const one = packages.get(name) ?? readPackage(null, name, null);
    if (ecosystem !== undefined && one) components.set(product, { ...one, ecosystem, module: one.module ?? module });
  }
  return components;
}

/** "nodejs:18:8080020230718…:63b34585" */
function isModule(name: string): boolean {
  return /^[\w.+-]+:[\w.]+(?::\d{10,}:\w+)?$/.test(name) && !/-\d+:/.test(name);
}

/** cpe:/o:redhat:enterprise_linux:9::baseos and its repositories; streams of extended support stay apart. */
function ecosystemOf(cpe: string, name: string): string | null {
  const [, redHat] = /^cpe:\/[ao]:redhat:enterprise_linux:(\d+)(?:\.\d+)?(?::|$)/.exec(cpe) ?? [];
  if (redHat !== undefined) return `Red Hat:${redHat}`;
  const [, leap] = /^cpe:\/o:opensuse:leap:(\d+\.\d+)/.exec(cpe) ?? [];
  if (leap !== undefined) return `openSUSE:${leap}`;
  if (/^cpe:\/o:opensuse:tumbleweed/.test(cpe)) return 'openSUSE:Tumbleweed';
  const [, suse, cpePack] =
    /^cpe:\/o:suse:(?:sles|sled|sle-module-[\w-]+|suse_sles|sle_hpc):(\d+)(?::sp(\d+))?/.exec(cpe) ?? [];
  if (suse !== undefined) return `SUSE:${suse}.${cpePack ?? '0'}`;
  const [, major, pack] =
    /^SUSE Linux Enterprise (?:Server|Desktop|Module for [\w -]+?) (\d+)(?: SP(\d+))?$/.exec(name) ?? [];
  return major === undefined ? null : `SUSE:${major}.${pack ?? '0'}`;
}

function readPackage(purl: string | null, name: string, category: string | null): Omit<Component, 'ecosystem'> | null {
  const [, path, at, query = ''] = /^pkg:rpm(?:mod)?\/[\w-]+\/([^@?]+)(?:@([^?]+))?(?:\?(.*))?$/.exec(purl ?? '') ?? [];
  const qualifiers = new URLSearchParams(query);
  const rpmmod = qualifiers.get('rpmmod')?.split(':').slice(0, 2).join(':') ?? null;
  if (path !== undefined && !purl?.startsWith('pkg:rpmmod/')) {
    const epoch = qualifiers.get('epoch');
    const version = at === undefined ? null : `${epoch && epoch !== '0' ? `${epoch}:` : ''}${decodeURIComponent(at)}`;
    const isSource = qualifiers.get('arch') === 'src' || (version === null && !qualifiers.has('arch'));
    return { name: decodeURIComponent(path), version, level: isSource ? 'source' : 'binary', module: rpmmod };
  }
  if (isModule(name)) return null;
  // "openssl-libs-1:3.0.1-43.el9.x86_64", or in VEX just "openssl"; SUSE writes no architecture.
  const [, plain, evr, arch] =
    /^(.+?)-((?:\d+:)?[^-]+-[^-]+?)(?:\.(x86_64|aarch64|ppc64le|s390x|i686|noarch|src))?$/.exec(name) ?? [];
  if (plain !== undefined && evr !== undefined && /\d/.test(evr)) {
    return { name: plain, version: evr.replace(/^0:/, ''), level: arch === 'src' ? 'source' : 'binary', module: null };
  }
  if (category === 'product_family' || category === 'product_name' || !/^[\w.+-]+$/.test(name)) return null;
  return { name, version: null, level: 'source', module: null };
}
