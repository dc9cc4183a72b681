using KernOpt.Engine.Comparing;
using KernOpt.Measure.Comparing;
using KernOpt.Measure.Exports;
using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>Pictures for those who would rather look.</summary>
internal static class Pictures
{
    /// <summary>An A/B comparison as SVG: the ratio of every block, the effect and its interval.</summary>
    public static Outcome<Done> Write(string file, AbResult result, AbSettings settings)
    {
        try
        {
            File.WriteAllText(file, AbPicture.Svg($"version {result.Report.Id} of {result.Report.Function}", result.Blocks, settings, result.Verdict));
            return Done.It;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Reasons.FileNotWritable.With(e.Message);
        }
    }
}
