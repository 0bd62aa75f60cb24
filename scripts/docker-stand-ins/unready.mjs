/** Why there is no engine here, in words for the person who wanted one. */
export class Unready extends Error {}
