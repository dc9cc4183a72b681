namespace KernOpt.Code.Images;

/// <summary>
/// Run-time systems that look frames up by their return addresses, in tables made at compile time: garbage collectors that walk the stack. A return address in moved
/// code is in no table.
/// </summary>
public static class ReturnAddressTables
{
    /// <summary>Code that such a run-time system consists of: OCaml's, Go's, GHC's. A module has it or imports it.</summary>
    private static readonly string[] Code = ["caml_call_gc", "caml_start_program", "runtime.morestack", "runtime.goexit", "stg_upd_frame_info"];

    /// <summary>Go's program-counter tables, LLVM's stack maps.</summary>
    private static readonly string[] Sections = [".gopclntab", ".llvm_stackmaps"];

    /// <summary>The name of what tells that the module has such tables, or null.</summary>
    public static string? In(ModuleImage module)
    {
        if (!module.File.Try(out var file, out _)) return null;
        return Array.Find(Sections, s => file.Image.SectionNamed(s) is not null)
            ?? Array.Find(Code, c => !file.AddressesOf(c).IsEmpty || file.Imports.Slots.Values.Contains(c));
    }
}
