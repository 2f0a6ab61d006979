import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { PageHead, Tabs } from '../shell/parts/surface.tsx';
import { useParams } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { AccountSection } from './account-section.tsx';
import { CertificatesSection } from './certificates-section.tsx';
import { AdvisoriesSection, BasesSection } from './content-sections.tsx';
import { IssuersSection } from './issuers-section.tsx';
import { PlatformSection } from './platform-section.tsx';
import { PoliciesSection } from './policies-section.tsx';
import { ResponseSection } from './response-section.tsx';
import './settings.css';
import { SitesSection } from './sites-section.tsx';
import { StorageSection } from './storage-section.tsx';
import { TokensSection } from './tokens-section.tsx';
import { UsersSection } from './users-section.tsx';
import { words } from './words.ts';

const SECTIONS = {
  me: AccountSection,
  users: UsersSection,
  tokens: TokensSection,
  issuers: IssuersSection,
  certificates: CertificatesSection,
  sites: SitesSection,
  storage: StorageSection,
  advisories: AdvisoriesSection,
  policies: PoliciesSection,
  response: ResponseSection,
  bases: BasesSection,
  platform: PlatformSection,
} as const;

type SectionName = keyof typeof SECTIONS;
const NAMES = Object.keys(SECTIONS) as readonly SectionName[];
const ADMIN_ONLY: readonly SectionName[] = ['users', 'tokens', 'issuers', 'certificates'];

export default function SettingsPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const me = useMe();
  const { section = 'me' } = useParams<'section'>();
  const shown = NAMES.filter((name) => !ADMIN_ONLY.includes(name) || hasRole(me, ['admin']));
  const current = shown.find((name) => name === section) ?? 'me';
  const Section = SECTIONS[current];
  return (
    <div className="page">
      <PageHead title={shell('settings')} />
      <Tabs
        label={shell('settings')}
        current={current}
        items={shown.map((name) => ({
          id: name,
          label: t(name),
          to: name === 'me' ? addresses.settings() : addresses.settings(name),
        }))}
      />
      <Section />
    </div>
  );
}
