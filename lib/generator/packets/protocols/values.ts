/** `'none'`: 0 is left there. A number is written as it is, right or wrong. Neither is maintained. */
export type Checksum = 'none' | number;
