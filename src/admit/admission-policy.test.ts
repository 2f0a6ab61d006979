import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type Json, systemClock } from '../system/index.ts';
import { withinBudget } from './cel-budget.ts';
import { readDocuments } from './document.ts';
import { compileKubernetes } from './expression.ts';
import { judge } from './judge.ts';
import { EVALUATION_STEPS_MAX } from './limits.ts';
import { judgeDocument } from './manifest.ts';
import { type Policy, readPolicy } from './policy.ts';

/** Expressions with what cel-go and the libraries of Kubernetes answer; null: an error while it runs. */
const ANSWERS: readonly (readonly [string, Json])[] = [
  // quantity
  ['quantity("200M") == quantity("0.2G")', true],
  ['quantity("200M") == quantity("0.3G")', false],
  ['quantity("200M") != quantity("0.3G")', true],
  ['quantity("50M").isLessThan(quantity("50Mi"))', true],
  ['quantity("150Mi").isGreaterThan(quantity("100Mi"))', true],
  ['quantity("50Mi").compareTo(quantity("50M")) == 1', true],
  ['quantity("50k").add(quantity("20")) == quantity("50.02k")', true],
  ['quantity("50k").add(20).isLessThan(quantity("50020"))', false],
  ['quantity("50k").sub(20) == quantity("49980")', true],
  ['quantity("50k").add(20).sub(quantity("100k")).sub(-50000).asInteger() == 20', true],
  ['quantity("9999999999999999999999999999999999999G").isInteger()', false],
  ['quantity("9999999999999999999999999999999999999G").asInteger() > 0', null],
  ['quantity("50.703k").asApproximateFloat() == 50703.0', true],
  ['quantity("10Mo").sign() == 1', null],
  ['isQuantity("20Mi") && !isQuantity("20Mo") && !isQuantity("10Mm") && !isQuantity("")', true],
  ['quantity(".5").compareTo(quantity("500m")) == 0', true],
  ['quantity("0.1n").sign() == 1 && quantity("-0.5n").sign() == -1 && quantity("1.5n") == quantity("2n")', true],
  // url
  ['url("https://a@b@example.com/").getHostname() == "example.com"', true],
  ['url("https://example.com:80/").getHost() == "example.com:80"', true],
  ['url("https://example.com:443/").getPort() == "443"', true],
  ['url("https://[::1]:80/path").getHostname() == "::1"', true],
  ['url("/path").getScheme() == "" && url("/path").getEscapedPath() == "/path"', true],
  ['url("https://example.com/path with spaces/").getScheme() == "https"', true],
  ['url("https://example.com/path?k1=a&k2=b&k2=c").getQuery()["k2"] == ["b", "c"]', true],
  ['isURL("https://user:pass@example.com:80/path?query=val") && isURL("/absolute-path")', true],
  ['isURL("https://a:b:c/") || isURL("../relative-path")', false],
  // ip and cidr
  ['ip("127.0.0.1").family() == 4 && ip("::1").family() == 6', true],
  ['isIP("127.0.0.256") || isIP(":::1") || isIP("fe80::1%en0") || isIP("::ffff:1.2.3.4") || isIP("01.2.3.4")', false],
  ['ip("2001:DB8::ABCD") == ip("2001:db8:0:0:0:0:0:abcd")', true],
  [
    'ip.isCanonical("2001:db8::abcd") && !ip.isCanonical("2001:DB8::ABCD") && !ip.isCanonical("2001:db8::0:0:0:abcd")',
    true,
  ],
  ['ip("0.0.0.0").isUnspecified() && ip("::").isUnspecified() && !ip("::1").isUnspecified()', true],
  [
    'ip("224.0.0.1").isLinkLocalMulticast() && !ip("224.0.1.1").isLinkLocalMulticast() && ip("ff02::1").isLinkLocalMulticast()',
    true,
  ],
  [
    'ip("169.254.169.254").isLinkLocalUnicast() && ip("fe80::1").isLinkLocalUnicast() && !ip("fd80::1").isLinkLocalUnicast()',
    true,
  ],
  [
    'ip("192.168.0.1").isGlobalUnicast() && !ip("255.255.255.255").isGlobalUnicast() && !ip("ff00::1").isGlobalUnicast()',
    true,
  ],
  ['string(ip("2001:DB8::0:1")) == "2001:db8::1"', true],
  ['cidr("192.168.0.0/24").containsIP(ip("192.168.0.1")) && !cidr("192.168.0.0/24").containsIP("192.168.1.1")', true],
  [
    'cidr("192.168.0.0/16").containsCIDR(cidr("192.168.10.0/24")) && !cidr("192.168.1.0/24").containsCIDR("192.168.2.0/24")',
    true,
  ],
  ['cidr("192.168.0.1/24").ip() == ip("192.168.0.1") && cidr("::1/128").prefixLength() == 128', true],
  [
    'cidr("192.168.0.1/24").masked() == cidr("192.168.0.0/24") && cidr("192.168.0.1/24") != cidr("192.168.0.1/24").masked()',
    true,
  ],
  ['string(cidr("2001:db8::1/32").masked()) == "2001:db8::/32" && cidr("0.0.0.0/0").containsIP("8.8.8.8")', true],
  ['isCIDR("192.168.0.0/33") || isCIDR("::1/129") || isCIDR("10.0.0.0/08") || isCIDR("10.0.0.0")', false],
  // regular expressions, lists, sets
  ['"abc 123".find("[0-9]+") == "123" && "123 abc 456".findAll("[0-9]*", 1) == ["123"]', true],
  ['"a1b2".matches("^([a-z][0-9])+$")', true],
  // RE2 knows these; JavaScript would read them as letters.
  [`!"p{L}".matches('^\\\\p{L}+$') && "ñ中".matches('^\\\\p{L}+$') && "a.b".matches('^\\\\Qa.b\\\\E$')`, true],
  [`!"a".matches('[[:^alpha:]]') && "😀".matches('^.$') && "a1é".find('\\\\PN+$') == "é"`, true],
  [`"a]".matches('[]a]') && "a".matches('(?U)^[a-z]([-a-z0-9]{0,61}[a-z0-9])?\\\\z')`, true],
  [`"a".matches('\\\\C') || "a".matches('a{1001}')`, null],
  [`"a[]".matches('a\\\\[\\\\]$') && "x[".matches('x[[]')`, true],
  [`"a\\nb".matches('(?s)^a.b$') && !"a\\nb".matches('^a.b$') && !"a\\nb".matches('(?s)^a[.]b$')`, true],
  ['[1, 3].isSorted() && ![2, 1].isSorted() && [1.5, 2.0].sum() == 3.5 && [].sum() == 0', true],
  [
    '[1, 3].min() == 1 && ["a", "b"].max() == "b" && [1, 2, 2].indexOf(2) == 1 && ["a", "b", "b"].lastIndexOf("b") == 2',
    true,
  ],
  ['[].max() == 1', null],
  ['sets.contains([1, 2], [2]) && sets.equivalent([[1], [2, 3]], [[1], [2, 3]]) && !sets.intersects([1], [2])', true],
  ['sets.contains([quantity("1k")], [quantity("1000")])', true],
  // text
  ['"%s has %d of %.2f (%x, %b)".format(["a", 3, 1.5, 255, 5]) == "a has 3 of 1.50 (ff, 101)"', true],
  ['"%s 100%%".format([["a", "b"]]) == "[\\"a\\", \\"b\\"] 100%"', true],
  ['"%d".format(["x"]) == ""', null],
  ['"%s %s".format(["x"]) == ""', null],
  [`strings.quote('a"b') == '"a\\\\"b"'`, true],
  ['"a,b".split(",").join("-") == "a-b" && "ABC".lowerAscii() == "abc" && "tacocat".charAt(1) == "a"', true],
  ['"hello".replace("l", "L", 1) == "heLlo" && " a ".trim() == "a" && "tacocat".substring(4) == "cat"', true],
  // semver, format, image
  ['semver("1.0.0-alpha.1").isLessThan(semver("1.0.0")) && semver("1.2.3").compareTo(semver("1.2.3")) == 0', true],
  ['semver("1.0.0-alpha.2").isLessThan(semver("1.0.0-alpha.10")) && semver("v1.0", true) == semver("1.0.0")', true],
  [
    'semver("01.01.01", true).major() == 1 && isSemver("v1.0", true) && !isSemver("v1.0") && !isSemver("1.0.0-01")',
    true,
  ],
  ['semver("200K").major() == 1', null],
  [
    '!format.dns1123Label().validate("my-label").hasValue() && format.dns1123Label().validate("My.Label").hasValue()',
    true,
  ],
  ['format.dns1123Subdomain().validate("a..b").value().size() == 1', true],
  ['format.named("labelValue").value().validate("a b").hasValue() && !format.named("nope").hasValue()', true],
  [
    '!format.qualifiedName().validate("example.com/Name").hasValue() && format.qualifiedName().validate("a/b/c").hasValue()',
    true,
  ],
  [
    '!format.dns1035LabelPrefix().validate("web-").hasValue() && format.dns1035Label().validate("1web").hasValue()',
    true,
  ],
  [
    '!format.uuid().validate("123e4567-e89b-12d3-a456-426614174000").hasValue() && format.byte().validate("!").hasValue()',
    true,
  ],
  [
    'format.date().validate("2021-02-31").hasValue() && !format.datetime().validate("2021-01-01T00:00:00Z").hasValue()',
    true,
  ],
  ['image("registry.k8s.io/a/b").tag() == "latest" && image("nginx").registry() == "index.docker.io"', true],
  [`image("registry.k8s.io/a:x@sha256:${'a'.repeat(64)}").containsDigest() && !isImage("registry.k8s.io//a")`, true],
  [`image("r.io/a:x@sha256:${'a'.repeat(64)}").identifier() == "sha256:${'a'.repeat(64)}"`, true],
  // two variables, optional values, bindings
  ['[1, 2, 3].all(i, v, i < v) && {"a": 1}.exists(k, v, k == "a" && v == 1)', true],
  ['[1, 2, 3].exists_one(i, v, v == i + 1 && v == 2) && [5].existsOne(i, v, v == 5)', true],
  ['[1, 2, 2].existsOne(v, v == 1) && ![1, 2, 2].existsOne(v, v == 2) && {"a": 1}.existsOne(k, k == "a")', true],
  ['[1, 2, 3].all(i, v, v / (v - 2) > 100)', false],
  ['[2].all(i, v, v / (v - 2) > 100)', null],
  ['[1, 2, 3].transformList(i, v, i > 0, v * i) == [2, 6]', true],
  ['{"a": "x", "b": "y"}.transformMap(k, v, k == "b", v + k) == {"b": "yb"}', true],
  ['{"a": "x"}.transformMapEntry(k, v, {v: k}) == {"x": "a"}', true],
  ['["a", "a"].transformMapEntry(i, v, {v: i}).size() == 1', null],
  ['{"a": {"b": 2}}.?a.?b.optMap(v, v + 1).orValue(0) == 3 && !{}.?a.optMap(v, v + 1).hasValue()', true],
  ['[?{"a": 1}.?a, 2, ?{}.?b] == [1, 2] && [?optional.none()].size() == 0', true],
  ['{?"x": {"a": 1}.?a, "y": 2, ?"z": {}.?b} == {"x": 1, "y": 2}', true],
  ['[?{"a": 1}.?a].map(x, {?"q": optional.of(x > 0 ? [?optional.of(x)] : [])})[0].q == [1]', true],
  ['["[?a", \'{?b\', """[?"c"]"""].size() == 3 && (true ? [1] : [2])[?0].hasValue() // [?', true],
  ['optional.of([1]).optFlatMap(l, l[?3]).orValue(9) == 9 && !optional.ofNonZeroValue("").hasValue()', true],
  ['cel.bind(x, [1, 2], x.exists(y, y == 2))', true],
  ['[[1], [2]].all(i, v, v.all(j, w, w > j))', true],
  // Nobody answers for a cluster.
  ['authorizer.group("").resource("pods").namespace("a").check("create").allowed()', null],
  ['authorizer.requestResource.check("get").allowed()', null],
  [
    'authorizer.path("/x").check("get").allowed() || authorizer.serviceAccount("a", "b").path("/").check("get").allowed()',
    null,
  ],
  // lists
  ['lists.range(3) == [0, 1, 2] && [1, 2, 3].slice(1, 3) == [2, 3] && [[1], [2, 3]].flatten() == [1, 2, 3]', true],
  ['[3, 1, 2].sort() == [1, 2, 3] && ["b", "a"].sort() == ["a", "b"] && [1, 2, 1].distinct() == [1, 2]', true],
  ['[1, 2, 3].reverse() == [3, 2, 1] && [1, 2].first() == optional.of(1) && !dyn([]).last().hasValue()', true],
  ['[{"x": 4}, {"x": 3}].sortBy(m, m.x) == [{"x": 3}, {"x": 4}] && [].sortBy(e, e) == []', true],
  ['[1, 2].slice(1, 3).size() == 1', null],
  ['[duration("1h"), duration("2m")].sum() == duration("62m")', true],
  ['[].all(e, e > 0) && {} == {} && (true ? [] : ["a"]).all(x, x == "a")', true],
  // optional values, fields and maps
  [
    'optional.none() == optional.none() && optional.of(1) != optional.of(2) && optional.of("a") == optional.of("a")',
    true,
  ],
  ['{"a/b": 1}.`a/b` == 1 && has({"a.b": 1}.`a.b`) && !has({"a": 1}.`a.b`)', true],
  ['has([{"a": 1}][0].a) && !has([{"a": 1}][0].b) && !has({"x": {}}.?y.z)', true],
  ['{80: "http"}[80] == "http" && {6: "six"}.exists(k, k == 6) && {true: 1}[true] == 1', true],
  ['{"constructor": 1}["constructor"] == 1 && {"__proto__": 2}["__proto__"] == 2', true],
  // texts by their characters
  ['"😀x".indexOf("x") == 1 && "😀xyx".lastIndexOf("x") == 3 && "😀xy".substring(1, 2) == "x"', true],
  ['"tacocat".indexOf("", 30) == 7 && "tacocat".indexOf("a", 30) == -1 && "ab".lastIndexOf("") == 2', true],
  ['"tacocat".indexOf("", -1) == 0', null],
  [
    '"TacoCÆt".lowerAscii() == "tacocÆt" && "tacoα".upperAscii() == "TACOα" && "\u0085\u00a0a\u3000".trim() == "a"',
    true,
  ],
  ['"\ufeffa".trim() == "\ufeffa" && "a😀b".split("").size() == 3 && "a,b,c".split(",", 2) == ["a", "b,c"]', true],
  ['"foo\\nbar".matches("(?m)^bar$") && !"foo\\nbar".matches("^bar$") && "FOO\\nBAR".matches("(?im)^bar$")', true],
  // format
  ['"%s".format([{"b": [1, "x"], "a": 2.5}]) == "{\\"a\\":2.500000, \\"b\\":[1, \\"x\\"]}"', true],
  ['"%s %s".format([null, timestamp("2026-01-01T00:00:00Z")]) == "null 2026-01-01T00:00:00Z"', true],
  ['"%d %x %o".format([uint(64), b"ab", uint(8)]) == "64 6162 10"', true],
  ['"%.0f %.2f %.1f".format([2.5, 1.555, 0.25]) == "2 1.55 0.2"', true],
  ['"%e %f".format([1052.032911275, double("Infinity")]) == "1.052033×10⁰³ ∞"', true],
  ['"%s".format([[duration("90s"), b"x", true]]) == "[duration(\\"90s\\"), b\\"x\\", true]"', true],
  ['strings.quote("bell\\a") == "\\"bell\\\\a\\""', true],
  // conversions and ends
  ['int(42u) == 42 && int(timestamp("1970-01-01T00:01:00Z")) == 60 && string(duration("90m")) == "5400s"', true],
  [
    'string(timestamp("2009-02-13T23:31:30Z")) == "2009-02-13T23:31:30Z" && duration(duration("1s")) == duration("1s")',
    true,
  ],
  ['b"a" < b"b" && b"ab" >= b"aa" && b"" <= b""', true],
  ['-(-9223372036854775808) > 0', null],
  ['timestamp("9999-12-31T23:59:59Z") + duration("1s") > timestamp("2026-01-01T00:00:00Z")', null],
  ['quantity("16Ei") == quantity("8Ei") && isQuantity("1e100") && quantity("1Ei").isGreaterThan(quantity("1P"))', true],
];

test('the libraries of CEL that Kubernetes has answer as there', () => {
  const got = ANSWERS.map(([text]) => {
    const compiled = compileKubernetes(text, ['bool', 'dyn']);
    if (!compiled.ok) return [text, compiled.problem.reason];
    try {
      return [text, compiled.evaluate({})];
    } catch (error) {
      assert.ok(error instanceof Error);
      return [text, null];
    }
  });
  assert.deepEqual(got, ANSWERS);
});

test('no expression of a foreign policy reaches JavaScript or runs away (A4)', () => {
  const attacks = [
    ...[
      'object.constructor("x")()',
      'this.process',
      'globalThis',
      '`x`',
      'variables.__proto__.x()',
      'sets.constructor("x")',
    ],
    ...[
      'format.constructor()',
      'ip.constructor("x")',
      'strings.__proto__()',
      '"%s".format.call(1)',
      'authorizer.constructor()',
      'object.`constructor`("x")()',
      'lists.constructor("x")',
      '[1].sortBy(1, 2)',
      'has(object)',
      'has([1][0])',
    ],
    '[1].all(i, v)',
    '[1].transformList(1, v, v)',
    'optional.of(1).optMap(1, 2)',
    '[?1, )',
    `[?'${"\\'".repeat(8_000)}`,
    '{?"a"}',
    `${'['.repeat(200)}1${']'.repeat(200)}`,
    '[1].all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, true)))))',
    `"${'x'.repeat(20_000)}" == ""`,
  ];
  for (const attack of attacks) assert.equal(compileKubernetes(attack, ['bool', 'dyn']).ok, false, attack);
  // Members with the names of JavaScript are members and nothing else.
  const compiled = compileKubernetes('has(object.constructor) || has(object.__proto__)', ['bool', 'dyn']);
  assert.ok(compiled.ok);
  assert.equal(compiled.evaluate({ object: new Map() }), false);
  const started = performance.now();
  const pattern = compileKubernetes('"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!".matches("^(a+)+$")', ['bool', 'dyn']);
  assert.ok(pattern.ok && pattern.evaluate({}) === false);
  assert.ok(performance.now() - started < 2_000);
});

test('what an expression makes and walks is counted while it runs, whatever document it is asked about (A4)', () => {
  const digits = `[${Array.from({ length: 300 }, (_, index) => index).join(',')}]`;
  const doubled = (start: string): string =>
    Array.from({ length: 24 }).reduceRight<string>(
      (inner, _, index) => `cel.bind(v${index}, ${index === 0 ? start : `v${index - 1} + v${index - 1}`}, ${inner})`,
      'size(v23) > 0',
    );
  const attacks = [
    `${digits}.all(a, ${digits}.all(b, ${digits}.all(c, ${digits}.all(d, a + b + c + d >= 0))))`,
    `object.text.split("").all(a, object.text.split("").all(b, a == b))`,
    `object.text.split("").all(a, a in object.text.split(""))`,
    'cel.bind(l, object.text.split(""), sets.contains(l, l.map(x, "never")) || sets.equivalent(l, l.map(x, x + x)))',
    doubled('[1, 2, 3]'),
    doubled('"some text"'),
    'object.text.replace("a", object.text).size() > 0',
    'cel.bind(l, lists.range(50000), l.map(i, l).flatten().size() > 0)',
    'cel.bind(l, lists.range(2000), cel.bind(m, l.map(i, l), m.map(i, m).flatten(9).size() > 0))',
    'cel.bind(l, lists.range(10000), l.all(i, l.sum() > 0))',
    'cel.bind(l, lists.range(10000), l.all(i, l.exists(j, v, true)))',
    'cel.bind(t, [object.text + "a", object.text + "b"], lists.range(5000).map(i, t[i % 2]).sort().size() > 0)',
    'lists.range(10000).all(i, object.text.contains("b") || object.text.trim() != "")',
    '"%s%s%s%s".format([1, 2, 3, 4].map(i, object.text.split("").map(c, object.text.substring(0, 90)).join(""))) != ""',
    `"%s".format([${doubled('[1]')
      .replaceAll(/v(\d+) \+ v(\d+)/g, '[v$1, v$2]')
      .replace('size(v23) > 0', 'v23')}]) != ""`,
  ];
  for (const attack of attacks) {
    const compiled = compileKubernetes(attack, ['bool', 'dyn']);
    assert.ok(compiled.ok, `${attack.slice(0, 60)}: ${compiled.ok ? '' : compiled.problem.reason}`);
    const object = new Map([['text', 'a'.repeat(20_000)]]);
    // A hundredth of what is allowed, so that the test does not take its time.
    const stopped = () => withinBudget(() => compiled.evaluate({ object }), EVALUATION_STEPS_MAX / 100);
    assert.throws(stopped, /too many steps|more than \d+ members/, attack.slice(0, 80));
  }
  // One that was stopped leaves nothing behind.
  const compiled = compileKubernetes('object.text.size() == 20000', ['bool', 'dyn']);
  assert.ok(compiled.ok && compiled.evaluate({ object: new Map([['text', 'a'.repeat(20_000)]]) }) === true);
});

function admissionPolicy(spec: Json, ...others: readonly Json[]): Policy {
  const meta = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' };
  const all = [{ ...meta, metadata: { name: 'p.example.com' }, spec }, ...others] as Record<string, Json>[];
  return readPolicy(all.map(toYaml).join('---\n'), 'p.yaml');
}

/** Members of a document a line, each as JSON, which is YAML. */
function toYaml(document: Record<string, Json>): string {
  return Object.entries(document)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('');
}

function binding(spec: Json): Json {
  return {
    ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding' },
    ...{ metadata: { name: 'b' }, spec: { policyName: 'p.example.com', ...(spec as object) } },
  };
}

function rulesFor(resources: readonly string[], more: Json = {}): Json {
  const rule = {
    apiGroups: ['*'],
    apiVersions: ['*'],
    operations: ['CREATE'],
    resources: [...resources],
    ...(more as object),
  };
  return { resourceRules: [rule] };
}

const PRIVILEGED = 'object.spec.containers.all(c, !c.?securityContext.?privileged.orValue(false))';
const SINNER = { containers: [{ name: 'a', image: 'i', securityContext: { privileged: true } }] };

function say(policy: Policy, object: Json): string {
  const [document] = readDocuments(JSON.stringify(object));
  assert.ok(document);
  const { verdict } = judgeDocument(document, policy, systemClock);
  return [verdict.decision, ...verdict.reasons.map(({ message }) => message.en)].join(': ');
}

test('what a policy does not speak of is not refused for being too long for it', () => {
  const validations = [
    { expression: 'object.data.all(a, object.data.all(b, object.data.all(c, a != b || b != c || a == c)))' },
  ];
  const data = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, 'v']));
  const long = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'long', labels: { app: 'x' } }, data };
  const of = (constraints: Json): Policy => admissionPolicy({ matchConstraints: constraints, validations });
  assert.equal(say(of(rulesFor(['pods'])), long), 'allow');
  const selector = { objectSelector: { matchLabels: { app: 'other' } } };
  assert.equal(say(of({ ...(rulesFor(['configmaps']) as object), ...selector }), long), 'allow');
  assert.match(say(of(rulesFor(['configmaps'])), long), /^refuse: .*too many steps/);
});

test('a policy for pods is asked about the pod of whatever makes one (A1)', () => {
  const policy = admissionPolicy({
    matchConstraints: rulesFor(['pods']),
    validations: [{ expression: PRIVILEGED, message: 'no privileged container' }],
  });
  const template = { metadata: { labels: { app: 'x' } }, spec: SINNER };
  const metadata = { name: 'w' };
  const makers: readonly Json[] = [
    { apiVersion: 'v1', kind: 'Pod', metadata, spec: SINNER },
    { apiVersion: 'v1', kind: 'PodTemplate', metadata, template },
    ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].map((kind) => ({
      ...{ apiVersion: 'apps/v1', kind, metadata, spec: { template } },
    })),
    { apiVersion: 'v1', kind: 'ReplicationController', metadata, spec: { template } },
    { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { template } },
    { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec: { jobTemplate: { spec: { template } } } },
  ];
  for (const maker of makers)
    assert.equal(say(policy, maker), 'refuse: no privileged container', JSON.stringify(maker));
  const jobs = admissionPolicy({
    matchConstraints: rulesFor(['jobs']),
    validations: [{ expression: 'has(object.spec.backoffLimit)', message: 'say how often' }],
  });
  assert.equal(say(jobs, makers.at(-1) ?? null), 'refuse: say how often');
  // A question about a part of a pod that runs is no question about its start.
  const exec = admissionPolicy({ matchConstraints: rulesFor(['pods/exec']), validations: [{ expression: 'false' }] });
  assert.equal(say(exec, makers[0] ?? null), 'allow');
});

test('each binding says what it does, where, and with which parameters', () => {
  const limits = (name: string, most: string, labels: Json = {}): Json => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { most } },
  });
  const spec = {
    ...{ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: rulesFor(['deployments']) },
    validations: [
      { expression: 'object.spec.replicas <= int(params.data.most)', messageExpression: '"most " + params.data.most' },
    ],
  };
  const deployment = (replicas: number): Json => ({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'w' } },
    spec: { replicas, template: { spec: { containers: [{ name: 'a', image: 'i' }] } } },
  });
  const two = admissionPolicy(
    spec,
    binding({ validationActions: ['Deny'], paramRef: { name: 'hard', parameterNotFoundAction: 'Deny' } }),
    binding({ validationActions: ['Warn', 'Audit'], paramRef: { name: 'soft' } }),
    limits('hard', '9'),
    limits('soft', '3'),
  );
  assert.deepEqual(
    two.rules.map(({ id, effect }) => `${id} ${effect}`),
    ['p-example-com-1-1 refuse', 'p-example-com-1-2 warn'],
  );
  assert.equal(say(two, deployment(2)), 'allow');
  assert.equal(say(two, deployment(5)), 'warn: most 3');
  assert.equal(say(two, deployment(12)), 'refuse: most 9: most 3');
  // By labels there may be several: each has to hold.
  const both = admissionPolicy(
    spec,
    binding({ validationActions: ['Deny'], paramRef: { selector: { matchLabels: { on: 'yes' } } } }),
    ...[limits('a', '9', { on: 'yes' }), limits('b', '3', { on: 'yes' }), limits('c', '1', { on: 'no' })],
  );
  assert.equal(say(both, deployment(5)), 'refuse: most 3');
  const gone = binding({ validationActions: ['Deny'], paramRef: { name: 'x', parameterNotFoundAction: 'Allow' } });
  assert.equal(say(admissionPolicy(spec, gone), deployment(5)), 'allow');
  // It loads as it does in Kubernetes, and as there nothing that it speaks of passes.
  const missing = binding({ validationActions: ['Deny'], paramRef: { name: 'x', parameterNotFoundAction: 'Deny' } });
  assert.match(say(admissionPolicy(spec, missing), deployment(1)), /^refuse: .*not in the file: ConfigMap x/);
  const stranger = binding({ policyName: 'another', validationActions: ['Deny'] });
  assert.throws(() => admissionPolicy(spec, stranger), Fault);
  // Of a binding that names no parameters they are null.
  const unnamed = admissionPolicy(
    { ...spec, validations: [{ expression: 'params == null || object.spec.replicas <= 3', message: 'more than 3' }] },
    binding({ validationActions: ['Deny'] }),
  );
  assert.equal(say(unnamed, deployment(9)), 'allow');
});

test('a binding that names no namespace takes the parameters from that of the object, as in Kubernetes', () => {
  const limits = (namespace: string | null, most: string): Json => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { most } },
    metadata: { name: 'limits', ...(namespace === null ? {} : { namespace }) },
  });
  const spec = {
    ...{ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: rulesFor(['deployments']) },
    validations: [
      { expression: 'object.spec.replicas <= int(params.data.most)', messageExpression: '"most " + params.data.most' },
    ],
  };
  const bound = (more: object = {}) =>
    binding({ validationActions: ['Deny'], paramRef: { name: 'limits', ...more } } as never);
  const five = (namespace: string): Json => ({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'w', namespace } },
    spec: { replicas: 5, template: { spec: { containers: [{ name: 'a', image: 'i' }] } } },
  });
  const given = [limits('a', '9'), limits('b', '3')];
  const own = admissionPolicy(spec, bound({ parameterNotFoundAction: 'Deny' }), ...given);
  assert.equal(say(own, five('a')), 'allow');
  assert.equal(say(own, five('b')), 'refuse: most 3');
  assert.match(say(own, five('c')), /^refuse: .*not there for c: ConfigMap limits/);
  const lenient = admissionPolicy(spec, bound({ parameterNotFoundAction: 'Allow' }), ...given);
  assert.equal(say(lenient, five('c')), 'allow');
  const named = admissionPolicy(spec, bound({ namespace: 'b' }), ...given);
  assert.equal(say(named, five('a')), 'refuse: most 3');
  // What is written without a namespace is of the one that asks.
  assert.equal(say(admissionPolicy(spec, bound(), limits(null, '3')), five('a')), 'refuse: most 3');
});

test('a rule for one version of an object speaks of the others that Kubernetes serves, unless it is exact', () => {
  const rule = { apiGroups: ['autoscaling'], apiVersions: ['v1'], operations: ['CREATE'] };
  const spec = (more: object) => ({
    matchConstraints: { resourceRules: [{ ...rule, resources: ['horizontalpodautoscalers'] }], ...more },
    validations: [{ expression: 'object.spec.maxReplicas <= 5', message: 'more than 5' }],
  });
  const scaler = {
    ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' } },
    spec: { maxReplicas: 9 },
  };
  const answers = [{}, { matchPolicy: 'Equivalent' }, { matchPolicy: 'Exact' }].map((more) =>
    say(admissionPolicy(spec(more) as never, binding({ validationActions: ['Deny'] })), scaler),
  );
  assert.deepEqual(answers, ['refuse: more than 5', 'refuse: more than 5', 'allow']);
});

test('long lists of ordinary workloads are judged, and lists that would take too long are not', () => {
  const policy = admissionPolicy({
    matchConstraints: rulesFor(['pods']),
    validations: [
      {
        expression: 'object.spec.containers.all(c, c.env.all(e, c.env.exists_one(o, o.name == e.name)))',
        message: 'a variable is there twice',
      },
    ],
  });
  const pod = (names: readonly string[]): Json => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } },
    spec: { containers: [{ name: 'a', image: 'i', env: names.map((name) => ({ name, value: 'x' })) }] },
  });
  const many = Array.from({ length: 300 }, (_, index) => `V${index}`);
  assert.equal(say(policy, pod(many)), 'allow');
  assert.equal(say(policy, pod([...many, 'V0'])), 'refuse: a variable is there twice');
  const tooMany = Array.from({ length: 15_000 }, (_, index) => `V${index}`);
  assert.match(say(policy, pod(tooMany)), /^refuse: .*too many steps/);
});

test('what a controller makes has a name, as policies see it in Kubernetes', () => {
  const policy = admissionPolicy({
    matchConstraints: rulesFor(['pods']),
    validations: [{ expression: "object.metadata.name.startsWith('web-') && request.name != ''", message: 'no name' }],
  });
  const template = { metadata: {}, spec: SINNER };
  const web = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { template } };
  assert.equal(say(policy, web), 'allow');
});

test('a condition that is false decides beside one that fails, as in Kubernetes', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: SINNER };
  const of = (...conditions: string[]): string => {
    const matchConditions = conditions.map((expression, index) => ({ name: `c${index}`, expression }));
    return say(
      admissionPolicy({
        ...{ matchConstraints: rulesFor(['pods']), matchConditions },
        validations: [{ expression: 'false', message: 'asked' }],
      }),
      pod,
    );
  };
  assert.equal(of('object.nope == 1', 'false'), 'allow');
  assert.equal(of('true', 'true'), 'refuse: asked');
  assert.match(of('true', 'object.nope == 1'), /^refuse: .*nope/);
});

test('an object is judged as the API hands it to policies: in a namespace, with what it leaves open filled in', () => {
  const metadata = { name: 'w' };
  const of = (resources: readonly string[], expression: string): Policy =>
    admissionPolicy({ matchConstraints: rulesFor(resources), validations: [{ expression, message: 'no' }] });
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template: { spec: SINNER } } };
  assert.equal(say(of(['deployments'], 'object.spec.replicas <= 5'), deployment), 'allow');
  assert.equal(say(of(['deployments'], 'object.metadata.namespace == request.namespace'), deployment), 'allow');
  assert.equal(say(of(['pods'], 'object.metadata.namespace == "default"'), deployment), 'allow');
  const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } };
  assert.equal(say(of(['services'], 'object.spec.type != "NodePort"'), service), 'allow');
});

test('an environment is a namespace: selectors of policies and their expressions see its labels', () => {
  const policy = admissionPolicy(
    {
      matchConstraints: rulesFor(['pods']),
      validations: [
        { expression: 'namespaceObject.metadata.labels["darsena.class"] != "production"', message: 'not there' },
      ],
    },
    binding({
      validationActions: ['Deny'],
      matchResources: {
        namespaceSelector: { matchExpressions: [{ key: 'darsena.environment', operator: 'In', values: ['prod'] }] },
      },
    }),
  );
  const [document] = readDocuments(
    '{ apiVersion: v1, kind: Pod, metadata: { name: p }, spec: { containers: [{ name: a, image: i }] } }',
  );
  assert.ok(document);
  const decide = (name: string, kind: 'production' | 'development'): string =>
    judge({
      ...{
        id: '1',
        at: '2026-11-21T12:00:00.000Z',
        door: 'start',
        policy,
        exceptions: [],
        specHash: null,
        running: null,
      },
      admission: {
        image: { digest: '', repository: '', project: 'tienda', tags: [], ageDays: 0, sizeBytes: 0 },
        scan: {
          ...{ state: 'complete', at: '', packages: 0, hasAdvisories: true, sparseAdvisories: false },
          ...{ advisoriesAgeDays: 0, malware: 'clean', findings: [] },
        },
        signatures: {
          imageVerified: true,
          imageSigners: [],
          provenanceVerified: true,
          provenanceSigners: [],
          unmetDemands: [],
        },
        workload: {
          ...{ present: false, kind: '', name: '', hostNetwork: false, hostPid: false, hostIpc: false, hostPaths: [] },
          containers: [],
        },
        environment: { name, class: kind, runs: false },
        documents: [document],
        statements: [],
      },
    }).decision;
  assert.equal(decide('dev', 'development'), 'allow');
  assert.equal(decide('prod', 'production'), 'refuse');
});

test('what a policy asks of a cluster’s authorisation is answered by its failurePolicy', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'a', image: 'i' }] },
  };
  const spec = {
    matchConstraints: rulesFor(['pods']),
    matchConditions: [
      { name: 'no-admin', expression: "!authorizer.group('').resource('pods').check('bypass').allowed()" },
    ],
    validations: [{ expression: 'false', message: 'never' }],
  };
  assert.match(say(admissionPolicy({ ...spec, failurePolicy: 'Fail' }), pod), /^refuse: .*authorizer of a cluster/);
  assert.match(say(admissionPolicy({ ...spec, failurePolicy: 'Ignore' }), pod), /^warn: .*authorizer of a cluster/);
});

test('what is found of one object stands, whatever fails of another, also where failures are let be', () => {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { app: 'd' } },
      template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'a', image: 'i' }] } },
    },
  };
  // Of the Deployment itself it fails, as that has no containers; of the pod that is made from it, it is false.
  const spec = {
    matchConstraints: rulesFor(['deployments', 'pods']),
    validations: [{ expression: 'object.spec.containers.all(c, has(c.resources))', message: 'no resources' }],
  };
  for (const failurePolicy of ['Fail', 'Ignore'])
    assert.match(
      say(admissionPolicy({ ...spec, failurePolicy }), deployment),
      /^refuse: .*no resources/,
      failurePolicy,
    );
  const conditions = [{ name: 'cpu', expression: 'object.spec.containers.size() == 1' }];
  const asked = admissionPolicy({ ...spec, failurePolicy: 'Ignore', matchConditions: conditions });
  assert.match(say(asked, deployment), /^refuse: .*no resources/);
});

test('a ValidatingAdmissionPolicy is one however it is written: as JSON, in braces, in a List with its binding', () => {
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'labelled.example.com' },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      validations: [{ expression: "has(object.metadata.labels) && 'team' in object.metadata.labels" }],
    },
  };
  const binding = {
    ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding' },
    ...{ metadata: { name: 'b' }, spec: { policyName: 'labelled.example.com', validationActions: ['Warn'] } },
  };
  const list = { apiVersion: 'v1', kind: 'List', items: [policy, binding] };
  const verdictOf = (text: string): string => {
    const [document] = readDocuments(
      'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: a/b}]}\n',
    );
    assert.ok(document);
    return judgeDocument(document, readPolicy(text, 'p.yaml'), systemClock).verdict.decision;
  };
  const json = JSON.stringify(policy, null, 2);
  assert.equal(verdictOf(json), 'refuse');
  assert.equal(verdictOf(`---\n${json.replaceAll(/"(\w+)":/g, '$1:')} # in braces\n`), 'refuse');
  assert.equal(verdictOf(JSON.stringify(list)), 'warn');
  const wrong = JSON.stringify(
    { ...list, items: [{ ...policy, spec: { ...policy.spec, validations: [{ expression: 'object.' }] } }] },
    null,
    1,
  );
  assert.throws(
    () => readPolicy(wrong, 'p.yaml'),
    (error: Fault) =>
      (error.details as { line: number }[]).some(
        ({ line }) => wrong.split('\n')[line - 1]?.includes('object.') === true,
      ),
  );
  assert.throws(() => readPolicy(JSON.stringify({ ...list, items: [policy, policy] }), 'p.yaml'), {
    code: 'admit.policy-invalid',
  });
  // A policy of our own may speak of them.
  assert.throws(
    () => readPolicy('name: x\ndescription: no ValidatingAdmissionPolicy\n', 'p.yaml'),
    /expected ci, push/,
  );
});

test('a policy or binding that Kubernetes would not take is refused: read as it stands it would refuse nothing', () => {
  const resourceRules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }];
  const policy = (spec: Json): Json => ({
    ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'p' } },
    spec: { matchConstraints: { resourceRules }, validations: [{ expression: 'false' }], ...(spec as object) },
  });
  const bound = (spec: Json): Json => ({
    ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding' },
    ...{ metadata: { name: 'b' }, spec: { policyName: 'p', validationActions: ['Deny'], ...(spec as object) } },
  });
  const reading = (...objects: readonly Json[]): Policy =>
    readPolicy(objects.map((one) => JSON.stringify(one)).join('\n---\n'), 'p.yaml');
  assert.doesNotThrow(() => reading(policy({}), bound({})));
  const wrong: readonly (readonly [objects: readonly Json[], reason: RegExp])[] = [
    [[policy({}), bound({ validationActions: ['Deny', 'Warn'] })], /Deny and Warn are not taken together/],
    [[policy({ validations: [{ expression: 'false', reason: 'Because' }] }), bound({})], /Forbidden, Invalid/],
    [
      [{ ...(policy({}) as object), kind: 'MutatingAdmissionPolicy' }],
      /^[^"]*MutatingAdmissionPolicy changes objects, and nothing changes what was deployed here/,
    ],
    [[{ ...(policy({}) as object), kind: 'ValidatingWebhookConfiguration' }], /no webhook is asked here/],
    [[policy({ matchConstraints: { resourceRules: resourceRules[0] ?? null } })], /expected a list/],
    [[policy({ matchConstraints: { resourceRules, namespaceSelectors: {} } })], /namespaceSelectors is not known/],
    [[policy({ matchConditions: { name: 'c', expression: 'true' } })], /expected a list/],
    [[policy({}), bound({ validationActions: 'Deny' })], /expected a list/],
    [[policy({}), bound({ validationActions: ['deny'] })], /expected Deny, Warn, Audit/],
    [[policy({}), bound({ validationActions: [] })], /one or more of Deny/],
    [[policy({}), bound({ validationActions: null })], /one or more of Deny/],
    [
      [
        policy({}),
        bound({ matchResources: { objectSelector: { matchExpressions: [{ key: 'a', operator: 'Has' }] } } }),
      ],
      /expected In, NotIn/,
    ],
  ];
  for (const [objects, reason] of wrong) assert.throws(() => reading(...objects), reason);
});

test('an expression that Kubernetes would not take where it stands is refused with its reason when the policy is read', () => {
  const of = (validation: object, more: object = {}): string => {
    try {
      admissionPolicy({ matchConstraints: rulesFor(['pods']), validations: [validation], ...more } as never);
      return 'loads';
    } catch (error) {
      assert.ok(error instanceof Fault);
      return JSON.stringify(error.details);
    }
  };
  const variables = [
    { name: 'a', expression: 'variables.b + 1' },
    { name: 'b', expression: '1' },
  ];
  const refused: readonly [RegExp, object, object?][] = [
    [/no paramKind/, { expression: 'params.most > 1' }],
    [/undefined field 'nope'/, { expression: 'request.nope == 1' }],
    [/undefined field 'labels'/, { expression: "namespaceObject.labels['a'] == 'b'" }],
    [/undefined field 'typo'/, { expression: 'variables.typo == 1' }],
    [/no variable of that name stands before/, { expression: 'variables.a == 2' }, { variables }],
    [/messages and notes/, { expression: 'true', messageExpression: "authorizer.path('/').check('get').reason()" }],
    [/invalid pattern/, { expression: "object.metadata.name.matches('(')" }],
    [/expected string or null/, { expression: 'true' }, { auditAnnotations: [{ key: 'k', valueExpression: '1' }] }],
  ];
  for (const [why, validation, more] of refused) assert.match(of(validation, more), why, JSON.stringify(validation));
  const taken: readonly [object, object?][] = [
    [{ expression: 'params == null' }, { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } }],
    [{ expression: '[1].all(params, params == 1) && [{"x": 1}].all(variables, variables.x == 1)' }],
    [{ expression: 'variables.b == 1' }, { variables: variables.slice(1) }],
    [{ expression: "has(request.userInfo.groups) && request.resource.resource == 'pods'" }],
    [{ expression: "authorizer.path('/').check('get').allowed() || true" }],
  ];
  for (const [validation, more] of taken) assert.equal(of(validation, more), 'loads', JSON.stringify(validation));
});

test('what a controller makes says what it was made from, and conditions see no namespace, as in Kubernetes', () => {
  const template = { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'a', image: 'i' }] } };
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { template } };
  const cron = {
    ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'c' } },
    spec: { jobTemplate: { spec: { template } } },
  };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: template.spec };
  const naked = admissionPolicy({
    matchConstraints: rulesFor(['pods']),
    validations: [{ expression: 'has(object.metadata.ownerReferences)', message: 'a pod of nobody' }],
  });
  assert.equal(say(naked, deployment), 'allow');
  assert.equal(say(naked, cron), 'allow');
  assert.equal(say(naked, pod), 'refuse: a pod of nobody');
  const made = admissionPolicy({
    matchConstraints: rulesFor(['replicasets', 'jobs', 'pods']),
    validations: [
      { expression: 'false', messageExpression: "object.kind + ' of ' + object.metadata.ownerReferences[0].kind" },
    ],
  });
  assert.match(say(made, deployment), /ReplicaSet of Deployment.*Pod of ReplicaSet/);
  assert.match(say(made, cron), /Job of CronJob.*Pod of Job/);
  const conditions = (expression: string): string =>
    say(
      admissionPolicy({
        ...{ matchConstraints: rulesFor(['pods']), matchConditions: [{ name: 'c', expression }] },
        validations: [{ expression: "namespaceObject.metadata.name != 'default'", message: 'asked' }],
      }),
      pod,
    );
  assert.equal(conditions('namespaceObject != null'), 'allow');
  assert.equal(conditions('namespaceObject == null'), 'refuse: asked');
});

test('what a policy does here that its author may not expect is told when it is checked', () => {
  const spec = {
    ...{ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: rulesFor(['pods']) },
    validations: [{ expression: 'object.spec.x <= int(params.data.most)' }],
  };
  const told = (...given: Parameters<typeof admissionPolicy>): string[] =>
    (admissionPolicy(...given).warnings ?? []).map(({ text }) => text.en);
  const bound = (paramRef: object | null) =>
    binding({ validationActions: ['Deny'], ...(paramRef === null ? {} : { paramRef }) } as never);
  const first = (...given: Parameters<typeof admissionPolicy>): string => told(...given)[0] ?? '';
  assert.match(first(spec, bound({ name: 'x' })), /not in the file \(ConfigMap x\): everything .* is refused/);
  assert.match(first(spec, bound({ name: 'x', parameterNotFoundAction: 'Allow' })), /nothing is asked there/);
  assert.match(first(spec, bound(null)), /no binding in the file names them/);
  assert.match(first({ ...spec, paramKind: undefined, validations: [{ expression: 'true' }] } as never), /no binding/);
  const params = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { most: '3' } };
  assert.deepEqual(told(spec, bound({ name: 'x' }), params as never), []);
});
