using KernOpt.Target;

namespace KernOpt.Engine.Journaling;

/// <summary>Where the journal is when no one says where.</summary>
public static class JournalPlace
{
    /// <summary>
    /// $XDG_STATE_HOME/kernopt/journal.db, or ~/.local/state/kernopt/journal.db (XDG Base Directory Specification 0.8: relative paths are ignored).
    /// Refused (7101) where neither is set to a place: never the current directory.
    /// </summary>
    public static Outcome<string> Standard()
    {
        var (state, home) = (Environment.GetEnvironmentVariable("XDG_STATE_HOME"), Environment.GetEnvironmentVariable("HOME"));
        if (Path.IsPathRooted(state)) return Path.Combine(state, "kernopt", "journal.db");
        if (!Path.IsPathRooted(home)) return Reasons.JournalNotWritable.With("neither XDG_STATE_HOME nor HOME names a directory");
        return Directory.Exists(home) ? Path.Combine(home, ".local", "state", "kernopt", "journal.db") : Reasons.JournalNotWritable.With($"HOME is {home}, which is no directory");
    }
}
