import type { Place } from './sphere';

/** A town on Harvey's way. */
export interface Town extends Place {
  readonly name: string;
  /** How many of its people write, compared with the others. */
  readonly weight: number;
  /** Where days of rain flooded it: see {@link FLOOD}. */
  readonly floods?: true;
  readonly language?: 'es';
}

const town = (name: string, latitude: number, longitude: number, weight = 1): Town => ({
  name,
  latitude,
  longitude,
  weight,
});
const flooded = (...facts: Parameters<typeof town>): Town => ({ ...town(...facts), floods: true });
const spanish = (...facts: Parameters<typeof town>): Town => ({ ...town(...facts), language: 'es' });

/** Real towns; positions to about a kilometre. */
export const TOWNS: readonly Town[] = [
  town('Bridgetown, Barbados', 13.1, -59.61, 3),
  town('Speightstown, Barbados', 13.25, -59.64),
  town('Kingstown, St. Vincent', 13.16, -61.22, 2),
  town('Castries, Saint Lucia', 14.01, -60.99),
  town("St. George's, Grenada", 12.05, -61.75),
  town('Oranjestad, Aruba', 12.52, -70.03),
  town('Willemstad, Curaçao', 12.11, -68.93),
  spanish('Puerto Lempira, Honduras', 15.26, -83.77),
  spanish('Roatán, Honduras', 16.32, -86.53),
  town('Belize City', 17.5, -88.2, 2),
  town('San Pedro, Belize', 17.92, -87.96),
  spanish('Chetumal', 18.5, -88.3),
  spanish('Tulum', 20.21, -87.46),
  spanish('Mérida, Yucatán', 20.97, -89.62, 3),
  spanish('Campeche', 19.85, -90.53, 2),
  spanish('Ciudad del Carmen', 18.65, -91.81),
  town('South Padre Island', 26.11, -97.17),
  town('Corpus Christi', 27.8, -97.4, 6),
  town('Port Aransas', 27.83, -97.06, 4),
  town('Aransas Pass', 27.91, -97.15, 3),
  town('Rockport', 28.02, -97.05, 6),
  town('Refugio', 28.31, -97.28, 2),
  town('Victoria', 28.81, -97.0, 4),
  town('Port Lavaca', 28.61, -96.63, 2),
  town("Port O'Connor", 28.45, -96.41),
  flooded('Bay City', 28.98, -95.97),
  flooded('Galveston', 29.3, -94.8, 4),
  flooded('Dickinson', 29.46, -95.05, 5),
  flooded('Friendswood', 29.53, -95.2, 4),
  flooded('Houston', 29.76, -95.37, 14),
  flooded('Pasadena, Texas', 29.69, -95.21, 4),
  flooded('Baytown', 29.74, -94.98, 3),
  flooded('Katy', 29.79, -95.82, 4),
  flooded('Sugar Land', 29.62, -95.63, 3),
  flooded('Cypress, Texas', 29.97, -95.7, 3),
  flooded('Beaumont', 30.08, -94.13, 5),
  flooded('Port Arthur', 29.9, -93.93, 5),
  flooded('Orange, Texas', 30.09, -93.74, 3),
  town('San Antonio', 29.42, -98.49, 3),
  town('Austin', 30.27, -97.74, 3),
  town('Lake Charles', 30.23, -93.22, 3),
  town('Cameron, Louisiana', 29.8, -93.33),
  town('Lafayette', 30.22, -92.02, 2),
  town('Alexandria, Louisiana', 31.31, -92.45, 2),
  town('Monroe, Louisiana', 32.51, -92.12),
  town('Vicksburg', 32.35, -90.88),
  town('Greenville, Mississippi', 33.41, -91.06),
  town('Tupelo', 34.26, -88.7),
  town('Florence, Alabama', 34.8, -87.68),
  town('Nashville', 36.16, -86.78, 3),
  town('Bowling Green', 36.99, -86.44),
];

/** When the rain had the flooded towns under water; ms since the epoch. */
export const FLOOD = { from: Date.UTC(2017, 7, 26, 18), to: Date.UTC(2017, 7, 31, 12) } as const;

/** What is told of where it is told: `{town}`, `{inches}`, `{hours}` and `{knots}` are filled in. */
export const TEXTS = {
  sea: [
    'Swell of {inches} feet already, sky black to the north. Turning away from it.',
    'On deck it blows {knots} knots, and the glass keeps falling. #Harvey',
    'Nothing but rain and lightning all round us tonight.',
    'Crew is fine, cargo is fine, dinner is "optional" in this sea. #Harvey',
    'Moved 60 miles off our route to stay clear of #Harvey.',
  ],
  watch: [
    'Bands of rain over {town}, nothing serious so far. #Harvey',
    'Shelves are empty in {town}: no water, no bread, no batteries.',
    'Boarding up in {town}. About {hours} hours to go, they say. #Harvey',
    'Schools in {town} stay closed tomorrow.',
    'Windy evening in {town}, but the lights are on and the coffee is hot ☕',
    'Line at the petrol station in {town} is {hours} blocks long.',
    'Packed the car, the dog and the papers. Leaving {town} now. #Harvey',
    'Gusts of {knots} knots in {town}. Stay inside, everyone.',
    'Is the bridge out of {town} still open? Asking for my parents.',
    '“{inches} inches by Friday” is what the radio in {town} says. #Harvey',
  ],
  watchEs: [
    'Mucha lluvia en {town}, pero todo tranquilo por ahora. #Harvey',
    'En {town} ya cerraron las escuelas. Faltan unas {hours} horas.',
    'Viento de {knots} nudos en {town}; la mañana está muy gris.',
    'Compramos agua y velas en {town}, por si acaso. ¡Cuídense!',
    'Así amanece {town}: nubes, charcos y ningún daño. #Harvey',
  ],
  damageEs: [
    'Se cayó un árbol sobre la calle principal de {town}. #Harvey',
    'Techos de lámina volando en {town}, cuidado al salir.',
    'Inundación en {town}: el agua entró a las casas de mi cuadra.',
  ],
  wind: [
    'Roof is gone, walls are standing. We are alive. {town} #Harvey',
    'Power lines down all over {town}, do not drive!',
    'The church in {town} has lost its roof, the school half of its windows.',
    'Trees on houses, boats in the street: {town} after {hours} hours of wind. #Harvey',
    'Our neighbour’s trailer is on its side. Wind still {knots} knots in {town}.',
    'Harbour of {town}: docks smashed, masts everywhere.',
    'No light, no phone, no water in {town}, and the fence is in the pool.',
  ],
  flood: [
    'Water is up to the windows on our street in {town}. #Harvey #flood',
    '{inches} inches in the living room and rising. {town}',
    'We are on the roof with two children, {town}, please send a boat!',
    'A man with a kayak just took three of my neighbours out. Thank you, whoever you are. {town}',
    'Highway through {town} is a river: cars under water as far as I can see. #Harvey',
    'The bayou in {town} is over its banks, our house has {inches} inches of it.',
    'Everything we own is wet: floors, walls, "waterproof" boxes. {town}',
    'Shelter in {town} is full, they send people on to the next one.',
    'Rain gauge in {town} overflowed at {inches} inches. Ground floor is lost.',
  ],
  dry: [
    'Second floor in {town}, dry so far. Neighbours are with us. #Harvey',
    'Still have light and coffee in {town}, and {hours} guests who have neither.',
    'Water stopped at the last step before our door in {town}. #Harvey',
    'Baking for the shelter in {town}: {inches} loaves so far.',
    'Street in {town} is wet, houses are not. Rain goes on.',
    'Who in {town} needs a boat? We have one and are safe ourselves. #HarveyRescue',
  ],
  damage: [
    'A tree came down on our garage in {town}. #Harvey',
    'Tornado warning, then a bang: part of the roof is gone. {town}',
    'Creek in {town} took the footbridge with it.',
    'Street under water in {town}, two cars stuck. #Harvey',
    'Lost power in {town} {hours} hours ago, and a shutter with it.',
  ],
  after: [
    'Sun is out in {town} for the first time in days 🌤',
    'We were lucky in {town}: wet socks and a long night, no more. #Harvey',
    'Collecting blankets in {town} for those who lost everything.',
    'Water is going down on our street in {town}.',
    'Volunteers wanted in {town}: bring gloves, boots and patience. #HarveyRelief',
    'Only rain here in {town}, {inches} inches of it. Thinking of the coast. #Harvey',
    'Power is back in {town} after {hours} hours!',
  ],
} as const satisfies Record<string, readonly string[]>;

export type TextKind = keyof typeof TEXTS;
