import type { Product } from './products';

/** One kind of article of the invented shop; brands and suppliers are invented, too. */
export interface Kind {
  readonly noun: string;
  readonly variants: readonly string[];
  readonly categories: readonly string[];
  readonly storage: NonNullable<Product['storage']>;
  readonly material: NonNullable<Product['packaging']>['material'];
  readonly per: 'kg' | 'l' | 'piece';
  readonly grams: readonly number[];
  readonly allergens: readonly string[];
  readonly vatPercent: 12 | 25;
}

const CHILLED = { minCelsius: 2, maxCelsius: 8, shelfLifeDays: 21 };
const FROZEN = { minCelsius: -23, maxCelsius: -18, shelfLifeDays: 540 };
const DRY = { minCelsius: 5, maxCelsius: 25, shelfLifeDays: 365 };
const FOOD = { vatPercent: 12 } as const;

export const KINDS: readonly Kind[] = [
  {
    ...FOOD,
    noun: 'lingonsylt',
    variants: ['Rårörd', 'Ekologisk', 'Mormors', 'Lättsockrad'],
    categories: ['Skafferi', 'Sylt och marmelad', 'Lingon'],
    storage: DRY,
    material: 'glass',
    per: 'kg',
    grams: [280, 410, 600, 1500],
    allergens: [],
  },
  {
    ...FOOD,
    noun: 'rågbröd',
    variants: ['Grovt', 'Surdegsbakat', 'Skivat', 'Osötat'],
    categories: ['Bröd', 'Mjukt bröd', 'Rågbröd'],
    storage: { ...DRY, shelfLifeDays: 9 },
    material: 'plastic',
    per: 'kg',
    grams: [450, 600, 900],
    allergens: ['gluten'],
  },
  {
    ...FOOD,
    noun: 'filmjölk',
    variants: ['Krämig', 'Ekologisk', 'Laktosfri', 'Syrlig'],
    categories: ['Mejeri', 'Fil och yoghurt', 'Filmjölk'],
    storage: CHILLED,
    material: 'paper',
    per: 'l',
    grams: [1000, 1500],
    allergens: ['milk'],
  },
  {
    ...FOOD,
    noun: 'västerbottenspaj',
    variants: ['Gräddad', 'Hembakad', 'Glutenfri', 'Familjens'],
    categories: ['Färdigmat', 'Paj', 'Ostpaj'],
    storage: FROZEN,
    material: 'paper',
    per: 'kg',
    grams: [220, 700],
    allergens: ['egg', 'gluten', 'milk'],
  },
  {
    ...FOOD,
    noun: 'röding',
    variants: ['Varmrökt', 'Gravad', 'Odlad', 'Färsk'],
    categories: ['Fisk och skaldjur', 'Fisk', 'Röding'],
    storage: { minCelsius: 0, maxCelsius: 4, shelfLifeDays: 12 },
    material: 'plastic',
    per: 'kg',
    grams: [150, 300, 800],
    allergens: ['fish'],
  },
  {
    ...FOOD,
    noun: 'blåbär',
    variants: ['Frysta', 'Vilda', 'Rensade', 'Norrländska'],
    categories: ['Fryst', 'Bär och frukt', 'Blåbär'],
    storage: FROZEN,
    material: 'plastic',
    per: 'kg',
    grams: [250, 500, 1000],
    allergens: [],
  },
  {
    ...FOOD,
    noun: 'kaffe crème',
    variants: ['Mörkrostat', 'Mellanrostat', 'Rättvist', 'Hela bönor'],
    categories: ['Dryck', 'Kaffe', 'Bryggkaffe'],
    storage: { ...DRY, shelfLifeDays: 540 },
    material: 'plastic',
    per: 'kg',
    grams: [250, 450, 1000],
    allergens: [],
  },
  {
    ...FOOD,
    noun: 'fläderläsk',
    variants: ['Sockerfri', 'Lättkolsyrad', 'Småländsk', 'Kall'],
    categories: ['Dryck', 'Läsk', 'Fläder'],
    storage: DRY,
    material: 'metal',
    per: 'l',
    grams: [330, 500],
    allergens: [],
  },
  {
    ...FOOD,
    noun: 'entrecôte',
    variants: ['Mörad', 'Skivad', 'Benfri', 'Hängmörad'],
    categories: ['Kött', 'Nötkött', 'Entrecôte'],
    storage: CHILLED,
    material: 'plastic',
    per: 'kg',
    grams: [200, 400, 1200],
    allergens: [],
  },
  {
    ...FOOD,
    noun: 'äppelmust',
    variants: ['Ofiltrerad', 'Österlens', 'Kallpressad', 'Syrlig'],
    categories: ['Dryck', 'Juice och must', 'Äpple'],
    storage: CHILLED,
    material: 'glass',
    per: 'l',
    grams: [250, 750, 1000],
    allergens: ['sulphites'],
  },
  {
    noun: 'diskborste',
    variants: ['Bokträ', 'Återvunnen', 'Mjuk', 'Långskaftad'],
    categories: ['Hushåll', 'Städning', 'Diskborstar'],
    storage: { minCelsius: -10, maxCelsius: 40 },
    material: 'none',
    per: 'piece',
    grams: [40, 75],
    allergens: [],
    vatPercent: 25,
  },
  {
    noun: 'såpa',
    variants: ['Grön', 'Parfymfri', 'Lättflytande', 'Svanenmärkt'],
    categories: ['Hushåll', 'Städning', 'Såpa'],
    storage: { minCelsius: 2, maxCelsius: 35, shelfLifeDays: 1095 },
    material: 'plastic',
    per: 'l',
    grams: [500, 1000, 3000],
    allergens: [],
    vatPercent: 25,
  },
];

export const BRANDS = [
  'Fjällgården',
  'Åkerbo',
  'Östanå',
  'Älvsjö Gård',
  'Café René',
  'Hästö',
  'Norrsken',
  'Blå Hjorten',
] as const;

export const SUPPLIERS = [
  'Västkustens Grossist AB',
  'Mälardalens Livsmedel AB',
  'Öresund Frys AB',
  'Åre Mejeri ekonomisk förening',
  'Göteborgs Varuhandel AB',
  'Håkansson & Söner AB',
] as const;

/** Sentences of a description that fit any article; `{brand}`, `{noun}` and `{supplier}` are filled in. */
const GENERAL_SENTENCES = [
  'Varje parti granskas på plats hos {brand} innan det får lämna gården.',
  'Råvarorna kommer från små tillverkare längs älven och är spårbara hela vägen tillbaka.',
  'Passar lika bra till vardags som när huset är fullt av gäster.',
  'Förpackningen sorteras som angivet på etiketten och kan återvinnas där sådan insamling finns.',
  'Levereras av {supplier} på halvpall; hela kartonger går att beställa för hämtning i butik.',
  'Nytt utseende sedan i våras, men annars precis som förut.',
  'Märkningen är granskad av en oberoende part och förnyas varje år.',
] as const;

const FOOD_SENTENCES = [
  'Receptet på {noun} har gått i arv i tre generationer och har aldrig behövt ändras.',
  'Innehåller inga tillsatta färgämnen och inget som du inte själv skulle ha hemma.',
  'Bruten förpackning förvaras väl försluten och används inom några dagar.',
  'Låt gärna stå framme en kvart före servering, så kommer smaken till sin rätt.',
  'Godast samma dag som förpackningen öppnas, enligt dem som gör den.',
  'Kundernas favorit i Skåne och på Gotland tre år i följd, enligt vår egen undersökning.',
  'Prova gärna tillsammans med crème fraîche, färsk dill eller något från trädgården.',
] as const;

/** 7 or 14 sentences: steps of 1, 3 and 5 through either list meet no sentence twice in five. */
export function sentencesOf(kind: Kind): readonly string[] {
  return kind.vatPercent === FOOD.vatPercent ? [...GENERAL_SENTENCES, ...FOOD_SENTENCES] : GENERAL_SENTENCES;
}

export const COUNTRIES = ['SE', 'SE', 'SE', 'DK', 'NO', 'FI', 'FR', 'IT'] as const;
