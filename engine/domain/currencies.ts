/**
 * The currencies that a payment may have: those of ISO 4217's list one that are legal tender
 * today. Fund codes (such as CLF), metals (XAU), units of account (XDR, XAD), test codes (XTS),
 * "no currency" (XXX) and withdrawn codes (ANG, BGN) are not accepted.
 *
 * Source: list one as published on 2026-01-01 by the maintenance agency (SIX). To update: take the
 * new list, change the lines below and the date, and move what was withdrawn to READABLE_ONLY.
 */

/** When the list below was published. */
export const CURRENCIES_PUBLISHED = '2026-01-01';

/** Codes by the number of digits behind the decimal point. */
const LEGAL_TENDER: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF',
  2:
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD ' +
    'CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD ' +
    'GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL ' +
    'MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN ' +
    'PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP ' +
    'SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG',
  3: 'BHD IQD JOD KWD LYD OMR TND',
};

/** Not accepted, but stored by releases before 0.4: their amounts must stay readable. */
const READABLE_ONLY: Readonly<Record<number, string>> = {
  0: 'UYI XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX',
  2: 'ANG BGN BOV CHE CHW COU CUC MXV USN',
  4: 'CLF UYW',
};

const legalTender = digitsByCode(LEGAL_TENDER);
const readable = new Map([...legalTender, ...digitsByCode(READABLE_ONLY)]);

/** Every accepted code, in order. */
export const CURRENCIES: readonly string[] = [...legalTender.keys()].sort();

/** What an error says where another text was given. */
export const CURRENCY_RULE = 'an ISO 4217 code in capitals, such as USD';

/** Whether a new payment or credit may have this currency. */
export function isCurrency(code: string): boolean {
  return legalTender.has(code);
}

/** Digits behind the decimal point: JPY 0, USD 2, BHD 3. @returns undefined for an unknown code */
export function minorDigits(code: string): number | undefined {
  return readable.get(code);
}

function digitsByCode(lists: Readonly<Record<number, string>>): Map<string, number> {
  const pairs = Object.entries(lists).flatMap(([digits, codes]) =>
    codes.split(' ').map((code) => [code, Number(digits)] as const),
  );
  return new Map(pairs);
}
