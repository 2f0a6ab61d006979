import type { Analyser, Evidence } from '../analyser.ts';
import { BROWSER_SCRIPT_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName, isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

interface Library {
  /** As advisories for scripts of the browser name it (retire.js's repository). */
  readonly name: string;
  /** The name of its file, without version, '.min' and '.js'. */
  readonly file: RegExp;
  /** Its banner, or the assignment in its code; the first group is the version. */
  readonly pattern: RegExp;
}

const VERSION = String.raw`(\d{1,4}\.\d{1,4}\.\d{1,4}(?:-(?:alpha|beta|rc)[.\d]{0,8})?)`;
const banner = (words: string): RegExp => new RegExp(`${words}${VERSION}`);
/** For libraries whose banner, if there is one, says no version. */
const assigned = banner(String.raw`\b(?:VERSION|version)\s?=\s?["']`);

/** Facts of each were taken from its published files. */
const LIBRARIES: readonly Library[] = [
  { name: 'jquery', file: /^jquery(?:\.slim)?$/, pattern: banner('jQuery (?:JavaScript Library )?v') },
  { name: 'jquery-ui', file: /^jquery-ui(?:\.custom)?$/, pattern: banner('jQuery UI - v') },
  { name: 'jquery-migrate', file: /^jquery-migrate$/, pattern: banner('jQuery Migrate (?:- )?v') },
  { name: 'jquery-validation', file: /^jquery\.validate$/, pattern: banner('jQuery Validation Plugin (?:- )?v') },
  { name: 'bootstrap', file: /^bootstrap(?:\.bundle)?$/, pattern: banner('Bootstrap v') },
  { name: 'angularjs', file: /^angular$/, pattern: banner('AngularJS v') },
  {
    name: 'moment.js',
    file: /^moment(?:-with-locales)?$/,
    pattern: banner(String.raw`(?:version : |\.version\s?=\s?["'])`),
  },
  { name: 'lodash', file: /^lodash(?:\.core)?$/, pattern: assigned },
  { name: 'underscore.js', file: /^underscore(?:-min)?$/, pattern: banner(String.raw`Underscore\.js `) },
  { name: 'handlebars', file: /^handlebars(?:\.runtime)?$/, pattern: banner('handlebars v') },
  { name: 'vue', file: /^vue(?:\.runtime|\.global)?(?:\.prod)?$/, pattern: banner(String.raw`[vV]ue(?:\.js)? v`) },
  { name: 'knockout', file: /^knockout(?:-latest)?$/, pattern: banner('Knockout JavaScript library v') },
  { name: 'backbone.js', file: /^backbone(?:-min)?$/, pattern: banner(String.raw`Backbone\.js `) },
  { name: 'chart.js', file: /^chart$/i, pattern: banner(String.raw`Chart\.js v`) },
  { name: 'DOMPurify', file: /^purify$/, pattern: assigned },
  { name: 'axios', file: /^axios$/, pattern: banner('[aA]xios v') },
  { name: 'select2', file: /^select2(?:\.full)?$/, pattern: banner('Select2 ') },
  { name: 'mustache.js', file: /^mustache$/, pattern: assigned },
  { name: 'highlightjs', file: /^highlight(?:\.pack)?$/, pattern: banner(String.raw`[hH]ighlight\.js v`) },
  { name: 'video.js', file: /^video(?:\.core)?$/, pattern: banner(String.raw`Video\.js `) },
  { name: 'react-dom', file: /^react-dom(?:\.production|\.development)?$/, pattern: banner('React v') },
  { name: 'swiper', file: /^swiper(?:-bundle)?$/, pattern: banner('Swiper ') },
  { name: 'tinyMCE', file: /^tinymce$/, pattern: banner('^// (?:TinyMCE version )?') },
];

/** Name, version and '.min' of a file: 'jquery-3.4.1.slim.min.js'. */
const FILE =
  /^([A-Za-z][A-Za-z0-9-]{1,30}?(?:\.(?:slim|custom|validate|bundle|core|full|pack|runtime|global|prod|production|development)){0,2})(?:[.-]v?(\d{1,4}\.\d{1,4}\.\d{1,4}))?(?:\.(slim|bundle))?(?:[.-]min)?\.js$/;

/**
 * Libraries that a web application hands to browsers and that no package manager knows of here: by name of the file and
 * by the version in it. What lies in node_modules is told by its own package.
 */
export const browserScripts: Analyser = {
  name: 'browser-scripts',
  version: 1,
  fileNames: [],
  folderNames: [],
  suffixes: ['.js'],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: BROWSER_SCRIPT_MAX_BYTES,
  wants: ({ path, sizeBytes }) =>
    sizeBytes <= BROWSER_SCRIPT_MAX_BYTES && !isBelow(path, 'node_modules') && libraryOf(path) !== null,
  read: ({ path }) => collectText((text) => readScript(path, text)),
};

function libraryOf(path: string): { library: Library; version: string | undefined } | null {
  const name = baseName(path);
  if (name.length > 60) return null;
  const [, stem, version] = FILE.exec(name) ?? [];
  const library = stem === undefined ? undefined : LIBRARIES.find(({ file }) => file.test(stem));
  return library ? { library, version } : null;
}

function readScript(path: string, text: string): Evidence | null {
  const known = libraryOf(path);
  const packages = new PackageList('javascript');
  if (known) packages.add(known.library.name, known.library.pattern.exec(text)?.[1] ?? known.version);
  return packages.evidence();
}
