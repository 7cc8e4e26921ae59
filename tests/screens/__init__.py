"""Every screen of the hosted pages in every state: how to come to it, its pictures, and what each must keep to."""
