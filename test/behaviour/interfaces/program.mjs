// @ts-check
// Runs one scenario and prints what it saw: node program.mjs MODULE SCENARIO KIND PLACE
const [, , module, scenario, kind, place] = process.argv;
const scenarios = await import(new URL(module ?? '', import.meta.url).href);
console.log(JSON.stringify(await scenarios[scenario ?? ''](kind, JSON.parse(place ?? ''))));
