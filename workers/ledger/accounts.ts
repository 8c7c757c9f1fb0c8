/**
 * The chart of accounts: every name there is, per currency, debit positive. Each transaction
 * sums to zero in each currency; the database refuses any other at commit, and any change.
 *
 * | transaction | entries |
 * | --- | --- |
 * | `charge/<merchant>/<id>` | provider +amount, merchant −amount |
 * | `refund/<provider>/<refund>` | merchant +amount, provider −amount |
 * | `dispute/<merchant>/<id>/<version>` | disputed +amount, provider −amount; reversed when it is won |
 * | `late_charge/<provider>/<reference>`, of a capture after the end | provider +amount, merchant −amount |
 * | `late_refund/<provider>/<reference>`, its reversal | merchant +amount, provider −amount |
 * | `settled/<merchant>/<currency>/<day>` | transit in +net, fees +fees, provider −(gross − refunds − disputes); of wallets funding −net |
 * | `payout/<merchant>/<currency>/<day>` | merchant +(gross − refunds), disputed −disputes, fees −fees, transit out −net |
 * | `wallet/<key>` of a credit | funding +amount, wallet −amount |
 * | `wallet/<key>` of a charge | wallet +amount, provider (`wallet`) −amount |
 * | `wallet/<key>` of a refund | provider (`wallet`) +amount, wallet −amount |
 *
 * So `merchant` is what we owe them, `disputed` what chargebacks took and payouts have not yet, `provider` what it has captured and not yet settled,
 * `fees` what providers kept and merchants have not borne yet, `transit:in` and `transit:out`
 * money on its way at the banks, `wallet` what a payer holds with us, `funding` what came in for it.
 * With its own and the payment's entries the provider `wallet` is at zero; what its merchants are paid
 * comes out of `funding`.
 */
export const ACCOUNTS = {
  merchant: 'merchant:',
  provider: 'provider:',
  disputed: 'disputed:',
  fees: 'fees:',
  transitIn: 'transit:in:',
  transitOut: 'transit:out:',
  wallet: 'wallet:',
  funding: 'funding:',
} as const;

export const merchantAccount = (merchant: string): string => ACCOUNTS.merchant + merchant;
export const providerAccount = (provider: string): string => ACCOUNTS.provider + provider;
export const feesAccount = (provider: string): string => ACCOUNTS.fees + provider;
