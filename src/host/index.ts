export { answerKernel, type KernelAnswer } from './answer.ts';
export { kernelCommands } from './commands.ts';
export { hostFault } from './errors.ts';
export { type MachineFacts, machineFacts, readMachineFacts } from './facts.ts';
export { gatherFacts, type Identity } from './gather.ts';
export { toKernelVex } from './openvex.ts';
export { judgeRuntimes, type RuntimeTruth } from './runtimes.ts';
export { judgeMachine, type KernelTruth, summarise, TRUTH_STATES, type TruthState } from './truth.ts';
