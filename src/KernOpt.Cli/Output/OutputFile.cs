using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>A file that a command writes when its work is done: whether it can be is known before the work begins.</summary>
internal static class OutputFile
{
    /// <summary>Leaves what is there as it is; a file that was not there is not left behind. Null, when none was asked for, is in order.</summary>
    public static Outcome<Done> Check(string? path)
    {
        if (path is null) return Done.It;
        try
        {
            var isNew = !File.Exists(path);
            using (new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite))
            {
                // Opening it is the check.
            }
            if (isNew) File.Delete(path);
            return Done.It;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Reasons.FileNotWritable.With($"{path}: {e.Message}");
        }
    }
}
