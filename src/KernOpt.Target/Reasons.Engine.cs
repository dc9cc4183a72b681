namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason PolicyUnreadable = new(7001, nameof(PolicyUnreadable),
        "The policy file cannot be read: it is missing, too large (256 KiB), not text, or its permissions forbid it. Check the path.");
    public static readonly Reason PolicyInvalid = new(7002, nameof(PolicyInvalid),
        "The policy has errors; each is listed with its line and column. Correct them; `kernopt policy check FILE` tells when none is left.");
    public static readonly Reason PolicyBadYaml = new(7003, nameof(PolicyBadYaml),
        "The text is not a single, plain YAML mapping. Check indentation, quotes and duplicate keys at the place that is named.");
    public static readonly Reason PolicyUnknownKey = new(7004, nameof(PolicyUnknownKey),
        "No policy has this key. The nearest one is suggested; src/docs/policies.md lists all.");
    public static readonly Reason PolicyWrongType = new(7005, nameof(PolicyWrongType),
        "The value is of another type than this key takes: a mapping, a list, a word, a whole number, or true and false.");
    public static readonly Reason PolicyWrongUnit = new(7006, nameof(PolicyWrongUnit),
        "The value lacks its unit or has another one: durations are 200ms, 5s, 10m, 2h; shares 3%; sizes 64KiB, 2MiB; frequencies 1000Hz.");
    public static readonly Reason PolicyOutOfRange = new(7007, nameof(PolicyOutOfRange),
        "The value is outside of the range that this key takes, or is none of its words.");
    public static readonly Reason PolicyMissingKey = new(7008, nameof(PolicyMissingKey),
        "A key that every policy (or this kind of objective) must have is missing.");
    public static readonly Reason PolicyContradiction = new(7009, nameof(PolicyContradiction),
        "Two values that are right by themselves cannot both hold. The message says which of them to change.");

    public static readonly Reason ObjectiveUnreadable = new(7020, nameof(ObjectiveUnreadable),
        "The objective's command failed or its address did not answer, also after retries. Try it by hand with the same environment.");
    public static readonly Reason ObjectiveNotANumber = new(7021, nameof(ObjectiveNotANumber),
        "The objective answered, but no finite number was where the policy says. Check its pattern or metric name.");

    public static readonly Reason JournalNotWritable = new(7101, nameof(JournalNotWritable),
        "The journal cannot be opened for writing: its directory is missing or read-only. Choose another by --journal FILE.");
    public static readonly Reason JournalDiskFull = new(7102, nameof(JournalDiskFull),
        "The disk that holds the journal is full. Nothing was changed in the target because of it; make room, or choose another by --journal FILE.");
    public static readonly Reason JournalNotADatabase = new(7103, nameof(JournalNotADatabase),
        "The file exists but is no journal of KernOpt (not SQLite, damaged, or another program's). It is left as it is; choose another by --journal FILE.");
    public static readonly Reason JournalTooNew = new(7104, nameof(JournalTooNew),
        "The journal was written by a newer KernOpt whose format this one does not know. Use that one, or another file.");
    public static readonly Reason JournalBusy = new(7105, nameof(JournalBusy),
        "Another process has locked the journal for longer than five seconds.");
    public static readonly Reason JournalFailed = new(7106, nameof(JournalFailed),
        "The journal could not be read or written for a reason that SQLite names in the detail.");
    public static readonly Reason JournalNotPermitted = new(7107, nameof(JournalNotPermitted),
        "The permissions of the journal, or of its directory, forbid this user to write it. Choose another by --journal FILE.");
}
