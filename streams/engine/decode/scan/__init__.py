"""The compiled reader of records, which must agree with the plain one."""
