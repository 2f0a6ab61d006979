import { defineWords } from '../catalogue.ts';

/** Words of what is no person, and of subjects that the record spells in English. */
export const actorWords = defineWords(
  {
    platform: 'the platform',
    builder: 'the builder',
    agent: 'the agent of {name}',
    robot: 'robot {name}',
    policy: 'policy {name}',
    release: '{place}, release {number}',
  },
  {
    platform: 'la plataforma',
    builder: 'el constructor',
    agent: 'el agente de {name}',
    robot: 'el robot {name}',
    policy: 'la política {name}',
    release: '{place}, versión {number}',
  },
);
