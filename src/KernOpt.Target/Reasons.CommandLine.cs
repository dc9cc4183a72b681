namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason BadCommandLine = new(8001, nameof(BadCommandLine), "The command line is not one that kernopt knows; see --help.");
    public static readonly Reason NoTarget = new(8002, nameof(NoTarget), "No target was named: give --pid N, or -- COMMAND ARGS.");
    public static readonly Reason TwoTargets = new(8003, nameof(TwoTargets), "Two targets were named: give --pid N or -- COMMAND ARGS, not both.");
    public static readonly Reason Interrupted = new(8004, nameof(Interrupted), "The user ended the command. A target that the signal did not reach runs on.");
    public static readonly Reason FileNotWritable = new(8005, nameof(FileNotWritable), "A file that was asked for cannot be written.");
    public static readonly Reason BadPlace = new(8007, nameof(BadPlace), "A place is FUNC, FUNC+0xOFF, FUNC:entry, FUNC:exit or FUNC:blocks; with * and ? in it GLOB:entry, GLOB:exit or GLOB:blocks.");
    public static readonly Reason SettingsUnreadable = new(8006, nameof(SettingsUnreadable), "appsettings.json cannot be read: mend it, or take it away.");
}
