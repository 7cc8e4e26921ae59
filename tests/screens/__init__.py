"""Every screen in every state, of the hosted pages and (`portal`) of the staff portal: how to come to it, its pictures,
and what each must keep to."""
